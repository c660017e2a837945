#include "aio/task.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class Exit final : public Fatal {};

class TaskTest : public LoopTest {
 public:
  Coro<void> noting(std::string what) {
    note(what);
    co_return;
  }
};

TEST_F(TaskTest, StartsInTheNextTurn) {  // TASK-01
  const auto task = start(noting("began"));
  EXPECT_THAT(noted(), IsEmpty());
  turn();
  EXPECT_THAT(noted(), ElementsAre("began"));
  EXPECT_TRUE(task.done());
}

TEST_F(TaskTest, HasItsCoroutinesOutcomeAndTakesNoOther) {  // TASK-02, TASK-12
  const auto value = []() -> Coro<int> { co_return 3; };
  const auto task = start(value());
  EXPECT_EQ(error_of<LoopError>([&] { task.set_result(1); }), "Task does not support set_result operation");
  EXPECT_EQ(error_of<LoopError>([&] { task.set_exception(ValueError("x")); }),
            "Task does not support set_exception operation");
  turn();
  EXPECT_EQ(task.result(), 3);
  const auto throws = []() -> Coro<int> {
    throw 5;
    co_return 1;
  };
  const auto failed = start(throws());
  turn();
  EXPECT_TRUE(holds<int>(failed.exception()));
}

TEST_F(TaskTest, ABareYieldLetsEverybodyElseHaveATurn) {  // TASK-06
  const auto body = [&]() -> Coro<void> {
    loop().call_soon([&] { note("callback"); });
    loop().call_later(0s, [&] { note("timer"); });
    const auto before = turns();
    co_await yield();
    note("resumed");
    EXPECT_EQ(turns() - before, 1u);
    co_await sleep(0s);
    EXPECT_EQ(turns() - before, 2u);
  };
  run(body());
  EXPECT_THAT(noted(), ElementsAre("callback", "resumed", "timer"));
}

TEST_F(TaskTest, RefusesToAwaitAFutureOfAnotherLoop) {  // TASK-07
  EventLoop other;
  const auto future = other.create_future<int>();
  const auto body = [&]() -> Coro<void> {
    const auto before = turns();
    const auto ended = co_await settled(future);
    EXPECT_EQ(turns() - before, 1u);
    std::rethrow_exception(ended.error());
  };
  const auto task = start(body(), {.name = "me"});
  EXPECT_EQ(error_of<LoopError>([&] { loop().run_until_complete(task); }),
            "Task <me> got Future attached to a different loop");
  other.close();
}

TEST_F(TaskTest, CannotAwaitItself) {  // TASK-08
  Task<void> task;
  const auto body = [&]() -> Coro<void> { co_await task; };
  task = start(body(), {.name = "me"});
  EXPECT_EQ(error_of<LoopError>([&] { loop().run_until_complete(task); }), "Task cannot await on itself: <me>");
  task = {};
}

TEST_F(TaskTest, ACancelledErrorOutOfTheCoroutineCancelsIt) {  // TASK-10
  const auto body = []() -> Coro<void> {
    co_await yield();
    throw CancelledError("by hand");
  };
  const auto task = start(body());
  turn(2);
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(task.cancelling(), 0u);
}

TEST_F(TaskTest, AFatalErrorIsItsExceptionAndLeavesTheRun) {  // TASK-11
  const auto body = []() -> Coro<void> {
    throw Exit();
    co_return;
  };
  const auto task = start(body());
  EXPECT_THROW(loop().run_forever(), Exit);
  EXPECT_TRUE(task.done());
  EXPECT_TRUE(holds<Exit>(task.exception()));
}

TEST_F(TaskTest, IsNamedAndNumbered) {  // TASK-14
  const auto unnamed = start(noting("a"));
  const auto next = start(noting("b"));
  EXPECT_EQ(unnamed.name(), "Task-" + std::to_string(unnamed.base().id()));
  EXPECT_EQ(next.base().id(), unnamed.base().id() + 1);
  const auto named = start(noting("c"), {.name = "worker"});
  EXPECT_EQ(named.name(), "worker");
  named.set_name("boss");
  EXPECT_EQ(named.name(), "boss");
  turn();
}

TEST_F(TaskTest, IsTheCurrentOneInItsSteps) {  // TASK-15
  EXPECT_EQ(error_of<LoopError>([] { static_cast<void>(current_task()); }), "no running event loop");
  loop().call_soon([&] { EXPECT_EQ(current_task(), nullptr); });
  Task<void> task;
  const auto body = [&]() -> Coro<void> {
    EXPECT_EQ(current_task(), &task.base());
    co_await yield();
    EXPECT_EQ(current_task(), &task.base());
  };
  task = start(body());
  loop().run_until_complete(task);
  task = {};
}

TEST_F(TaskTest, AllTasksAreThoseThatAreNotDone) {  // TASK-16
  const auto a = start(sleep(1s));
  const auto b = start(noting("b"));
  const auto both = loop().all_tasks();
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].get(), a.state().get());
  EXPECT_EQ(both[1].get(), b.state().get());
  turn();
  EXPECT_EQ(loop().all_tasks().size(), 1u);
  loop().run_until_complete(a);
  EXPECT_EQ(loop().all_tasks().size(), 0u);
}

TEST_F(TaskTest, AllTasksAreTheOldestFirstWhicheverRecordTheyHave) {
  const auto a = start(sleep(3s));
  const auto b = start(sleep(1s));
  const auto c = start(sleep(3s));
  loop().run_until_complete(b);
  const auto d = start(sleep(3s));  // has the record that b had
  EXPECT_THAT(loop().all_tasks(), ElementsAre(FutureRef(a.state()), FutureRef(c.state()), FutureRef(d.state())));
  for (const auto& task : loop().all_tasks()) task->cancel();
  turn(2);
}

TEST_F(TaskTest, OfManyThousandsEachIsKnown) {
  const auto records = [&] {
    std::set<std::uint64_t> ids;
    loop().port()->tasks.for_each([&](const TaskRecord::View& view) { ids.insert(view.id); });
    return ids;
  };
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 3000; ++i) tasks.push_back(start(sleep(1h)));
  EXPECT_EQ(records().size(), 3000u);
  for (std::size_t i = 0; i < tasks.size(); i += 2) tasks[i].cancel();
  turn(3);
  EXPECT_EQ(records().size(), 1500u);
  EXPECT_EQ(loop().all_tasks().size(), 1500u);
  for (std::size_t i = 0; i < tasks.size(); i += 2) tasks[i] = start(sleep(1h));
  std::set<std::uint64_t> ids;
  for (const auto& task : tasks) {
    ids.insert(task.base().id());
    EXPECT_TRUE(loop().port()->tasks.find(task.base().id()));
  }
  EXPECT_EQ(records(), ids);
  EXPECT_EQ(loop().all_tasks().size(), 3000u);
  for (const auto& task : tasks) task.cancel();
  turn(3);
  EXPECT_THAT(records(), IsEmpty());
}

TEST(TaskWithoutALoop, TheNewestGoFirstWithTheirLoop) {  // TASK-18
  std::vector<int> gone;
  struct Local {
    std::vector<int>& gone;
    int number;
    ~Local() { gone.push_back(number); }
  };
  {
    EventLoop loop;
    loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
    const auto body = [&gone](int number, Duration delay) -> Coro<void> {
      const Local local{gone, number};
      co_await sleep(delay);
    };
    const auto first = loop.create_task(body(1, 1h));
    const auto short_one = loop.create_task(body(2, 0s));
    const auto third = loop.create_task(body(3, 1h));
    loop.run_until_complete(short_one);
    const auto fourth = loop.create_task(body(4, 1h));  // has the record of the second
    loop.run_until_complete(sleep(0s));
    EXPECT_THAT(gone, ElementsAre(2));
  }
  EXPECT_THAT(gone, ElementsAre(2, 4, 3, 1));
}

TEST_F(TaskTest, TheLoopOwnsOneThatNobodyElseHolds) {  // TASK-17
  const auto body = [&]() -> Coro<void> {
    co_await sleep(1s);
    note("ended");
  };
  static_cast<void>(start(body()));
  run(sleep(2s));
  EXPECT_THAT(noted(), ElementsAre("ended"));
}

TEST_F(TaskTest, DropsItsFrameWhenItEnds) {
  const auto captured = std::make_shared<int>(1);
  const auto body = [](std::shared_ptr<int>) -> Coro<void> { co_return; };
  const auto task = start(body(captured));
  EXPECT_EQ(captured.use_count(), 2);
  turn();
  EXPECT_EQ(captured.use_count(), 1);
}

TEST_F(TaskTest, TheCoroutineThatAClosedLoopRefusesIsGoneWithoutAReport) {  // TASK-04
  const auto captured = std::make_shared<int>(1);
  const auto body = [](std::shared_ptr<int>) -> Coro<void> { co_return; };
  loop().close();
  EXPECT_EQ(error_of<LoopError>([&] { static_cast<void>(start(body(captured))); }), "Event loop is closed");
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_THAT(reported(), IsEmpty());
}

TEST_F(TaskTest, AReportOfAPendingOneNamesIt) {  // TASK-18
  std::vector<std::string> keys;
  loop().set_exception_handler([&](EventLoop&, const ErrorContext& told) { keys = told.keys(); });
  static_cast<void>(start(sleep(1h)));
  turn();
  end_loop();
  EXPECT_THAT(keys, ElementsAre("message", "task"));
}

// --- coroutine functions ---

TEST_F(TaskTest, KeepsWhatItsCoroutineFunctionCaptured) {
  auto captured = std::make_shared<int>(4);
  const auto task = loop().create_task(
      [this, captured]() -> Coro<int> {
        co_await sleep(1s);
        note("slept");
        co_return *captured;
      },
      {.name = "named"});
  EXPECT_EQ(task.name(), "named");
  EXPECT_EQ(captured.use_count(), 2);
  EXPECT_EQ(loop().run_until_complete(task), 4);
  EXPECT_THAT(noted(), ElementsAre("slept"));
  EXPECT_EQ(captured.use_count(), 1);
}

TEST_F(TaskTest, KeepsCopiesOfTheArgumentsOfItsCoroutineFunction) {
  const auto sum = [](std::vector<int> numbers, std::unique_ptr<int> one, std::string text) -> Coro<int> {
    co_await yield();
    int total = *one + static_cast<int>(text.size());
    for (const int number : numbers) total += number;
    co_return total;
  };
  std::vector<int> numbers{1, 2, 3};
  const auto task = loop().create_task(sum, numbers, std::make_unique<int>(1), "text");
  numbers.clear();
  EXPECT_EQ(loop().run_until_complete(task), 11);
}

TEST_F(TaskTest, PassesAReferenceThatIsWrappedOnPurpose) {
  int count = 0;
  const auto count_up = [](int& counter) -> Coro<void> {
    ++counter;
    co_return;
  };
  loop().run_until_complete(loop().create_task(count_up, std::ref(count)));
  EXPECT_EQ(count, 1);
}

// --- sleep ---

TEST_F(TaskTest, SleepTakesItsTimeAndAnswersItsValue) {  // TASK-37
  EXPECT_EQ(run(sleep(3s, std::string("value"))), "value");
  EXPECT_EQ(now(), 3s);
  EXPECT_EQ(run(sleep(-3s, 1)), 1);
  EXPECT_EQ(now(), 3s);
}

TEST_F(TaskTest, ACancelledSleepTakesItsTimerAlong) {  // TASK-37
  const auto task = start(sleep(1h));
  turn();
  task.cancel();
  turn();
  EXPECT_TRUE(task.cancelled());
  turn();
  const auto& stats = loop().port()->stats;
  EXPECT_EQ(stats.timers_live.get(), 0u);
  EXPECT_EQ(stats.timers_cancelled.get(), 0u);
}

}  // namespace
}  // namespace evloop
