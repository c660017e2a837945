#include "aio/task.h"

#include <memory>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class Exit final : public Fatal {};

class EagerTaskTest : public LoopTest {
 public:
  Coro<void> noting(std::string what) {
    note(what);
    co_return;
  }
  // Runs `body` in a task of its own.
  template <class F>
  void in_task(F body) {
    run(body());
  }
};

TEST_F(EagerTaskTest, RunsItsFirstStepInsideCreateTask) {  // TASK-38, TASK-42
  in_task([&]() -> Coro<void> {
    const auto before = turns();
    const auto at_once = [&]() -> Coro<int> {
      note("ran");
      co_return 1;
    };
    const auto task = start(at_once(), {.eager_start = true});
    EXPECT_TRUE(task.done());
    EXPECT_EQ(co_await task, 1);
    EXPECT_EQ(turns(), before);
  });
  EXPECT_THAT(noted(), ElementsAre("ran"));
}

TEST_F(EagerTaskTest, StartsNormallyOnALoopThatDoesNotRun) {  // TASK-38
  const auto task = start(noting("ran"), {.eager_start = true});
  EXPECT_FALSE(task.done());
  turn();
  EXPECT_THAT(noted(), ElementsAre("ran"));
}

TEST_F(EagerTaskTest, IsTheCurrentTaskDuringItsFirstStep) {  // TASK-39, TASK-16
  in_task([&]() -> Coro<void> {
    auto* creator = current_task();
    const auto body = [&]() -> Coro<void> {
      EXPECT_NE(current_task(), creator);
      EXPECT_EQ(current_task()->name(), "eager");
      EXPECT_EQ(loop().all_tasks().size(), 2u);
      co_return;
    };
    const auto task = start(body(), {.name = "eager", .eager_start = true});
    EXPECT_EQ(current_task(), creator);
    EXPECT_EQ(loop().all_tasks().size(), 1u);
    co_return;
  });
}

TEST_F(EagerTaskTest, OneThatSuspendsIsAnOrdinaryTask) {  // TASK-40
  in_task([&]() -> Coro<void> {
    const auto task = start(sleep(1h), {.eager_start = true});
    EXPECT_FALSE(task.done());
    task.cancel();
    co_await yield();
    co_await yield();
    EXPECT_TRUE(task.cancelled());
    const auto ended = start(noting("a"), {.eager_start = true});
    EXPECT_FALSE(ended.cancel());
  });
}

TEST_F(EagerTaskTest, KeepsAnOrdinaryErrorAndThrowsAFatalOneOutOfCreateTask) {  // TASK-41
  in_task([&]() -> Coro<void> {
    const auto fails = []() -> Coro<void> {
      throw ValueError("stored");
      co_return;
    };
    const auto task = start(fails(), {.eager_start = true});
    EXPECT_EQ(text_of<ValueError>(task.exception()), "stored");
    const auto fatal = []() -> Coro<void> {
      throw Exit();
      co_return;
    };
    EXPECT_THROW(static_cast<void>(start(fatal(), {.eager_start = true})), Exit);
    EXPECT_EQ(loop().all_tasks().size(), 1u);
    co_return;
  });
  static_cast<void>(reported());
}

TEST_F(EagerTaskTest, ItsDoneCallbacksGoThroughTheQueue) {  // TASK-42
  in_task([&]() -> Coro<void> {
    const auto task = start(noting("ran"), {.eager_start = true});
    task.add_done_callback([&](const Future<void>&) { note("callback"); });
    note("added");
    co_await yield();
    co_await yield();
  });
  EXPECT_THAT(noted(), ElementsAre("ran", "added", "callback"));
}

TEST_F(EagerTaskTest, NestsAndGoesOnInOrder) {
  in_task([&]() -> Coro<void> {
    const auto inner = [&]() -> Coro<void> {
      note("inner");
      co_await yield();
      note("inner again");
    };
    const auto outer = [&]() -> Coro<void> {
      note("outer");
      const auto task = start(inner(), {.eager_start = true});
      note("outer goes on");
      co_await task;
      note("outer ends");
    };
    const auto task = start(outer(), {.eager_start = true});
    note("main");
    co_await task;
  });
  EXPECT_THAT(noted(), ElementsAre("outer", "inner", "outer goes on", "main", "inner again", "outer ends"));
}

}  // namespace
}  // namespace evloop
