#include "aio/task.h"

#include <memory>

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
  // Awaits, notes how that ended, and passes it on.
  template <class T>
  Coro<void> watch(Future<T> future) {
    const auto ended = co_await settled(future);
    note(how(ended.error()));
    if (ended.error()) std::rethrow_exception(ended.error());
  }
  static std::string how(const std::exception_ptr& error) {
    if (!error) return "ended";
    try {
      std::rethrow_exception(error);
    } catch (const CancelledError& cancelled) {
      return "cancelled" + (cancelled.message ? " " + *cancelled.message : std::string());
    } catch (...) {
      return describe(error);
    }
  }
};

// --- a task's life ---

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

TEST_F(TaskTest, AReportOfAPendingOneNamesIt) {  // TASK-18
  std::vector<std::string> keys;
  loop().set_exception_handler([&](EventLoop&, const ErrorContext& told) { keys = told.keys(); });
  static_cast<void>(start(sleep(1h)));
  turn();
  end_loop();
  EXPECT_THAT(keys, ElementsAre("message", "task"));
}

// --- cancellation ---

TEST_F(TaskTest, CancelAsksAndCounts) {  // TASK-22
  const auto future = loop().create_future<int>();
  const auto task = start(watch(future));
  turn();
  EXPECT_TRUE(task.cancel());
  EXPECT_FALSE(task.cancelled());
  EXPECT_EQ(task.cancelling(), 1u);
  EXPECT_TRUE(task.cancel());
  EXPECT_EQ(task.cancelling(), 2u);
  turn();
  EXPECT_TRUE(task.cancelled());
  EXPECT_FALSE(task.cancel());
  EXPECT_EQ(task.cancelling(), 2u);
}

TEST_F(TaskTest, CancelGoesThroughToWhatItWaitsFor) {  // TASK-23
  const auto future = loop().create_future<int>();
  const auto inner = start(watch(future));
  const auto outer = start(watch(Future<void>(inner)));
  turn(2);
  outer.cancel("stop");
  EXPECT_TRUE(future.cancelled());
  EXPECT_FALSE(inner.done());
  turn();
  EXPECT_TRUE(inner.cancelled());
  EXPECT_FALSE(outer.done());
  turn();
  EXPECT_TRUE(outer.cancelled());
  EXPECT_THAT(noted(), ElementsAre("cancelled stop", "cancelled stop"));
  EXPECT_EQ(inner.cancelling(), 1u);
}

TEST_F(TaskTest, CancelBeatsAResultThatIsNotDeliveredYet) {  // TASK-24, TASK-25
  const auto future = loop().create_future<int>();
  const auto task = start(watch(future));
  turn();
  future.set_result(1);
  task.cancel("late");
  turn();
  EXPECT_TRUE(task.cancelled());
  EXPECT_THAT(noted(), ElementsAre("cancelled late"));
}

TEST_F(TaskTest, CancelBeatsAnErrorThatIsNotDeliveredYetAndReadsIt) {  // TASK-25
  {
    const auto future = loop().create_future<int>();
    const auto task = start(watch(future));
    turn();
    future.set_exception(ValueError("lost"));
    task.cancel();
    turn();
    EXPECT_TRUE(task.cancelled());
  }
  EXPECT_THAT(reported(), IsEmpty());
}

TEST_F(TaskTest, OneCancelledBeforeItsFirstStepNeverBegins) {  // TASK-26
  const auto captured = std::make_shared<int>(1);
  const auto body = [&](std::shared_ptr<int>) -> Coro<void> {
    note("began");
    co_return;
  };
  const auto task = start(body(captured));
  task.cancel("early");
  EXPECT_FALSE(task.done());
  turn();
  EXPECT_TRUE(task.cancelled());
  EXPECT_THAT(noted(), IsEmpty());
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_EQ(how(task.state()->make_cancelled_error()), "cancelled early");
}

TEST_F(TaskTest, SeveralCancelsBeforeItRunsDeliverOneError) {  // TASK-27
  // The first message, where a waiter was cancelled by it ...
  const auto future = loop().create_future<int>();
  const auto task = start(watch(future));
  turn();
  task.cancel("first");
  task.cancel("second");
  turn();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(task.cancelling(), 2u);
  // ... and it is then the newest where only the flag was set.
  const auto body = [&]() -> Coro<void> {
    const auto ended = co_await settled(yield());
    note(how(ended.error()));
    co_await yield();
    note("goes on");
  };
  const auto yields = start(body());
  turn();
  yields.cancel("first");
  yields.cancel("last");
  turn(2);
  EXPECT_THAT(noted(), ElementsAre("cancelled first", "cancelled last", "goes on"));
  EXPECT_FALSE(yields.cancelled());
}

TEST_F(TaskTest, OneThatGoesOnIsNotCancelledUntilTheNextCancel) {  // TASK-28, TASK-33
  const auto body = [&]() -> Coro<int> {
    note(how((co_await settled(sleep(1h))).error()));
    note(how((co_await settled(sleep(1h))).error()));
    co_return 5;
  };
  const auto task = start(body());
  turn();
  task.cancel("1");
  turn(2);
  EXPECT_FALSE(task.done());
  task.cancel("2");
  turn(2);
  EXPECT_EQ(task.result(), 5);
  EXPECT_EQ(task.cancelling(), 2u);
  EXPECT_THAT(noted(), ElementsAre("cancelled 1", "cancelled 2"));
}

TEST_F(TaskTest, OneThatCancelsItselfIsInterruptedAtItsNextSuspension) {  // TASK-29
  const auto done = loop().create_future<int>();
  done.set_result(1);
  const auto pending = loop().create_future<int>();
  Task<void> task;
  const auto body = [&]() -> Coro<void> {
    task.cancel("self");
    EXPECT_EQ(co_await done, 1);
    note("no suspension yet");
    note(how((co_await settled(pending)).error()));
  };
  task = start(body());
  loop().run_until_complete(task);
  EXPECT_TRUE(pending.cancelled());
  EXPECT_FALSE(task.cancelled());
  EXPECT_THAT(noted(), ElementsAre("no suspension yet", "cancelled self"));
  task = {};
}

TEST_F(TaskTest, OneThatReturnsWithACancellationUndeliveredIsCancelled) {  // TASK-30
  Task<int> task;
  const auto returns = [&]() -> Coro<int> {
    task.cancel("at the end");
    co_return 1;
  };
  task = start(returns());
  turn();
  EXPECT_TRUE(task.cancelled());
  // ... but one that throws has failed.
  const auto throws = [&]() -> Coro<int> {
    task.cancel();
    throw ValueError("wins");
    co_return 1;
  };
  task = start(throws());
  turn();
  EXPECT_EQ(text_of<ValueError>(task.exception()), "wins");
  task = {};
}

TEST_F(TaskTest, UncancelTakesACancellationBackUntilItIsDelivered) {  // TASK-31
  const auto body = [&]() -> Coro<void> {
    auto& self = *current_task();
    EXPECT_EQ(self.uncancel(), 0u);
    self.request_cancel(std::nullopt);
    self.request_cancel(std::nullopt);
    EXPECT_EQ(self.uncancel(), 1u);
    EXPECT_EQ(self.uncancel(), 0u);
    co_await yield();
    note("not cancelled");
  };
  run(body());
  // One on its way through the waiter is not taken back.
  const auto future = loop().create_future<int>();
  const auto task = start(watch(future));
  turn();
  task.cancel();
  EXPECT_EQ(task.uncancel(), 0u);
  turn();
  EXPECT_TRUE(task.cancelled());
  EXPECT_THAT(noted(), ElementsAre("not cancelled", "cancelled"));
}

TEST_F(TaskTest, CancellingOneCancelsAllWhoAwaitIt) {  // TASK-34
  const auto shared = start(sleep(1h));
  const auto a = start(watch(Future<void>(shared)));
  const auto b = start(watch(Future<void>(shared)));
  turn(2);
  a.cancel("a");
  turn(3);
  EXPECT_TRUE(shared.cancelled());
  EXPECT_TRUE(a.cancelled());
  EXPECT_TRUE(b.cancelled());
  EXPECT_EQ(b.cancelling(), 0u);
  EXPECT_EQ(noted().size(), 2u);
}

TEST_F(TaskTest, AFatalErrorDuringCancellationWins) {  // TASK-35
  const auto body = [&]() -> Coro<void> {
    static_cast<void>(co_await settled(sleep(1h)));
    throw Exit();
  };
  const auto task = start(body());
  turn();
  task.cancel();
  EXPECT_THROW(turn(), Exit);
  EXPECT_FALSE(task.cancelled());
  EXPECT_TRUE(holds<Exit>(task.exception()));
}

TEST_F(TaskTest, HandsTheErrorThatEndedItOutOnce) {  // TASK-36
  const auto future = loop().create_future<int>();
  const auto task = start(watch(future));
  turn();
  task.cancel("message");
  turn();
  const auto ask = [&] {
    try {
      task.result();
    } catch (const CancelledError& error) {
      return error.message;
    }
    return std::optional<std::string>("none thrown");
  };
  EXPECT_EQ(ask(), "message");
  EXPECT_EQ(ask(), std::nullopt);
  static_cast<void>(noted());
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

// --- eager start ---

class EagerTaskTest : public TaskTest {
 public:
  // Runs `body` in a task of its own.
  template <class F>
  void in_task(F body) {
    run(body());
  }
};

TEST_F(EagerTaskTest, RunsItsFirstStepInsideCreateTask) {  // TASK-38
  in_task([&]() -> Coro<void> {
    const auto before = turns();
    const auto at_once = [&]() -> Coro<int> {
      note("ran");
      co_return 1;
    };
    const auto task = start(at_once(), {.eager_start = true});
    EXPECT_TRUE(task.done());
    EXPECT_EQ(co_await task, 1);  // TASK-42
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
