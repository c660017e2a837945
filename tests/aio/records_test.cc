#include "aio/records.h"

#include <atomic>
#include <semaphore>
#include <thread>

#include "aio/event_loop.h"
#include "aio/lock.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

class RecordsTest : public LoopTest {
 public:
  [[nodiscard]] std::vector<TaskRecord::View> tasks() {
    std::vector<TaskRecord::View> views;
    loop().port()->tasks.for_each([&](const TaskRecord::View& view) { views.push_back(view); });
    return views;
  }
  [[nodiscard]] TaskRecord::View record_of(std::string_view name) {
    for (auto& view : tasks())
      if (view.name == name) return view;
    ADD_FAILURE() << "no task " << name;
    return {};
  }
};

Coro<void> innermost(Duration delay) { co_await sleep(delay); }
Coro<void> middle() { co_await innermost(1h); }

TEST_F(RecordsTest, ShowATasksStateAndItsAwaitChain) {  // TASK-20
  const auto task = start(middle(), {.name = "chain"});
  EXPECT_EQ(record_of("chain").state, TaskPhase::runnable);
  turn();
  const auto view = record_of("chain");
  EXPECT_EQ(view.id, task.base().id());
  EXPECT_EQ(view.state, TaskPhase::waiting);
  EXPECT_EQ(view.waiting_on, WaitKind::sleep);
  EXPECT_EQ(view.steps, 1u);
  EXPECT_EQ(view.depth, 3u);
  EXPECT_THAT(view.coroutine.function_name(), HasSubstr("middle"));
  EXPECT_THAT(view.created.file_name(), HasSubstr("loop_test.h"));
  EXPECT_THAT(view.frames[0].function_name(), HasSubstr("middle"));
  EXPECT_THAT(view.frames[1].function_name(), HasSubstr("innermost"));
  EXPECT_THAT(view.frames[2].file_name(), EndsWith("sleep.cc"));
  task.cancel();
  EXPECT_EQ(record_of("chain").state, TaskPhase::runnable);
  EXPECT_EQ(record_of("chain").cancel_requests, 1u);
  turn();
  EXPECT_THAT(tasks(), IsEmpty());
}

// As many coroutines deep as it is told, and then asleep.
Coro<void> dive(int levels) {
  if (levels > 1) co_await dive(levels - 1);
  if (levels == 1) co_await sleep(1h);
}

TEST_F(RecordsTest, KeepAChainThatIsDeep) {
  for (const int levels : {4, 5, 15}) {
    const auto task = start(dive(levels));
    turn();
    ASSERT_EQ(tasks().size(), 1u);
    const auto view = tasks().front();
    ASSERT_EQ(view.depth, static_cast<std::size_t>(levels) + 1);
    for (int i = 0; i < levels; ++i)
      EXPECT_THAT(view.frames[static_cast<std::size_t>(i)].function_name(), HasSubstr("dive"));
    EXPECT_THAT(view.frames[static_cast<std::size_t>(levels)].file_name(), EndsWith("sleep.cc")) << levels;
    task.cancel();
    turn(2);
  }
}

TEST_F(RecordsTest, OfAChainThatIsTooDeepTheInnermostIsKept) {
  const auto task = start(dive(40));
  turn();
  const auto view = tasks().front();
  EXPECT_EQ(view.depth, 41u);
  EXPECT_THAT(view.frames[TaskRecord::frames_kept - 2].function_name(), HasSubstr("dive"));
  EXPECT_THAT(view.frames.back().file_name(), EndsWith("sleep.cc"));
  task.cancel();
  turn(2);
}

TEST_F(RecordsTest, TheQueueOfALoopAtRestIsWhatWaitsForItsNextRun) {
  const auto& length = loop().port()->stats.ready_length;
  loop().call_soon([] {});
  turn();
  EXPECT_EQ(length.get(), 0u);
  loop().call_soon([this] { loop().call_soon([] {}); });
  turn();
  EXPECT_EQ(length.get(), 1u);
  turn();
  EXPECT_EQ(length.get(), 0u);
}

TEST_F(RecordsTest, NameWhatIsWaitedForAndTheParent) {  // INTRO-01
  Lock lock;
  run(lock.acquire());
  const auto inner = [&]() -> Coro<void> { co_await lock.acquire(); };
  Task<void> child;
  const auto outer = [&]() -> Coro<void> {
    child = loop().create_task(inner(), {.name = "child"});
    co_await child;
  };
  const auto parent = start(outer(), {.name = "parent"});
  turn(2);
  EXPECT_EQ(record_of("child").waiting_on, WaitKind::lock);
  EXPECT_EQ(record_of("child").parent_id, parent.base().id());
  EXPECT_EQ(record_of("parent").waiting_on, WaitKind::task);
  EXPECT_EQ(record_of("parent").waiting_on_id, child.base().id());
  parent.cancel();
  turn(3);
  child = {};
}

TEST_F(RecordsTest, TheDepthOfTheChainComesAndGoes) {
  const auto body = [&]() -> Coro<void> {
    co_await innermost(1s);
    co_await innermost(1s);
    co_await yield();
    EXPECT_EQ(record_of("depth").depth, 1u);
  };
  loop().run_until_complete(start(body(), {.name = "depth"}));
}

TEST_F(RecordsTest, LongNamesAreCut) {
  const auto task = start(sleep(0s), {.name = std::string(100, 'n')});
  EXPECT_EQ(tasks().at(0).name, std::string(TaskRecord::name_kept, 'n'));
  task.set_name("short");
  EXPECT_EQ(tasks().at(0).name, "short");
  turn(2);
}

TEST_F(RecordsTest, CountWhatTheLoopDoes) {
  const auto& stats = loop().port()->stats;
  const auto fails = []() -> Coro<void> {
    throw ValueError("x");
    co_return;
  };
  const auto failed = start(fails());
  const auto cancelled = start(sleep(1h));
  cancelled.cancel();
  run(sleep(1s));
  EXPECT_EQ(stats.tasks_created.get(), 3u);
  EXPECT_EQ(stats.tasks_finished.get(), 1u);
  EXPECT_EQ(stats.tasks_failed.get(), 1u);
  EXPECT_EQ(stats.tasks_cancelled.get(), 1u);
  EXPECT_EQ(stats.tasks_live.get(), 0u);
  EXPECT_EQ(stats.timers_fired.get(), 1u);
  EXPECT_GT(stats.callbacks.get(), 3u);
  EXPECT_TRUE(holds<ValueError>(failed.exception()));
  loop().call_exception_handler({.message = "m"});
  EXPECT_EQ(stats.exceptions.get(), 1u);
  EXPECT_EQ(reported().size(), 1u);
}

TEST_F(RecordsTest, OfManyTasksAreAllThereAndUsedAgain) {
  std::vector<Task<void>> many;
  for (int i = 0; i < 1000; ++i) many.push_back(start(sleep(1s)));
  EXPECT_EQ(tasks().size(), 1000u);
  run(sleep(2s));
  EXPECT_THAT(tasks(), IsEmpty());
  for (auto& task : many) task = start(sleep(1s));
  EXPECT_EQ(tasks().size(), 1000u);
  run(sleep(2s));
}

TEST(Records, OfALoopThatIsBlockedCanBeReadFromAnotherThread) {
  EventLoop loop;
  const auto port = loop.port();
  std::binary_semaphore blocked(0);
  std::binary_semaphore go(0);
  const auto blocks = [&]() -> Coro<void> {
    co_await yield();
    blocked.release();
    go.acquire();
  };
  std::uint64_t id = 0;
  std::jthread observer([&] {
    blocked.acquire();
    const auto current = port->current.read();
    EXPECT_TRUE(current.has_value());
    EXPECT_EQ(current->kind, WorkKind::task);
    EXPECT_EQ(current->task_id, id);
    EXPECT_GT(CycleClock::now(), current->since);
    int seen = 0;
    port->tasks.for_each([&](const TaskRecord::View& view) {
      ++seen;
      EXPECT_EQ(view.state, view.id == id ? TaskPhase::running : TaskPhase::waiting);
      EXPECT_EQ(view.name, view.id == id ? "blocks" : "sleeps");
    });
    EXPECT_EQ(seen, 2);
    go.release();
  });
  const auto sleeper = loop.create_task(sleep(1h), {.name = "sleeps"});
  const auto task = loop.create_task(blocks(), {.name = "blocks"});
  id = task.base().id();
  loop.run_until_complete(task);
  observer.join();
  EXPECT_EQ(port->current.read(), std::nullopt);
  sleeper.cancel();
  loop.stop();
  loop.run_forever();
  loop.close();
}

TEST(Records, AreNeverTornWhileTheLoopIsBusy) {
  EventLoop loop;
  const auto port = loop.port();
  std::atomic<bool> done = false;
  std::jthread observer([&] {
    while (!done) {
      port->tasks.for_each([](const TaskRecord::View& view) {
        EXPECT_NE(view.id, 0u);
        EXPECT_GE(view.depth, 1u);
        if (!view.name.empty()) EXPECT_EQ(view.name, "worker");
      });
      if (const auto current = port->current.read()) EXPECT_NE(current->kind, WorkKind::none);
      static_cast<void>(port->mailbox_length());
    }
  });
  const auto worker = []() -> Coro<void> {
    for (int i = 0; i < 5; ++i) {
      co_await yield();
      co_await innermost(0s);
    }
  };
  const auto body = [&]() -> Coro<void> {
    for (int round = 0; round < 200; ++round) {
      std::vector<Task<void>> tasks;
      for (int i = 0; i < 20; ++i) tasks.push_back(loop.create_task(worker(), {.name = "worker"}));
      for (const auto& task : tasks) co_await task;
    }
  };
  loop.run_until_complete(body());
  done = true;
  observer.join();
  loop.close();
}

TEST(DurationHistogram, CountsByUpperBound) {
  DurationHistogram histogram;
  histogram.add(0);
  histogram.add(CycleClock::from_nanos(2us));
  histogram.add(CycleClock::from_nanos(1h));
  EXPECT_EQ(histogram.count(0), 1u);
  EXPECT_EQ(histogram.count(1), 1u);
  EXPECT_EQ(histogram.count(DurationHistogram::buckets - 1), 1u);
  EXPECT_GT(histogram.sum(), 59min);
}

TEST(SequenceCount, AReaderGivesUpOnARecordThatIsBeingWritten) {
  SequenceCount sequence;
  sequence.begin_write();
  EXPECT_FALSE(sequence.read([] {}));
  sequence.end_write();
  EXPECT_TRUE(sequence.read([] {}));
}

TEST(Kinds, HaveNames) {
  EXPECT_STREQ(work_kind_name(WorkKind::done_callback), "done_callback");
  EXPECT_STREQ(wait_kind_name(WaitKind::sleep), "timer");
  EXPECT_STREQ(wait_kind_name(WaitKind::none), "");
}

}  // namespace
}  // namespace evloop
