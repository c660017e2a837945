#include "aio/task.h"

#include <memory>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class Exit final : public Fatal {};

class CancellationTest : public LoopTest {
 public:
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

TEST_F(CancellationTest, CancelAsksAndCounts) {  // TASK-22
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

TEST_F(CancellationTest, CancelGoesThroughToWhatItWaitsFor) {  // TASK-23
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

TEST_F(CancellationTest, CancelBeatsAResultThatIsNotDeliveredYet) {  // TASK-24, TASK-25
  const auto future = loop().create_future<int>();
  const auto task = start(watch(future));
  turn();
  future.set_result(1);
  task.cancel("late");
  turn();
  EXPECT_TRUE(task.cancelled());
  EXPECT_THAT(noted(), ElementsAre("cancelled late"));
}

TEST_F(CancellationTest, CancelBeatsAnErrorThatIsNotDeliveredYetAndReadsIt) {  // TASK-25
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

TEST_F(CancellationTest, OneCancelledBeforeItsFirstStepNeverBegins) {  // TASK-26
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

TEST_F(CancellationTest, SeveralCancelsBeforeItRunsDeliverOneError) {  // TASK-27
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

TEST_F(CancellationTest, OneThatGoesOnIsNotCancelledUntilTheNextCancel) {  // TASK-28, TASK-33
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

TEST_F(CancellationTest, OneThatCancelsItselfIsInterruptedAtItsNextSuspension) {  // TASK-29
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

TEST_F(CancellationTest, OneThatReturnsWithACancellationUndeliveredIsCancelled) {  // TASK-30
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

TEST_F(CancellationTest, UncancelTakesACancellationBackUntilItIsDelivered) {  // TASK-31
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

TEST_F(CancellationTest, CancellingOneCancelsAllWhoAwaitIt) {  // TASK-34
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

TEST_F(CancellationTest, AFatalErrorDuringCancellationWins) {  // TASK-35
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

TEST_F(CancellationTest, HandsTheErrorThatEndedItOutOnce) {  // TASK-36
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

}  // namespace
}  // namespace evloop
