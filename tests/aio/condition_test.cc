#include "aio/condition.h"

#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class ConditionTest : public LoopTest {
 protected:
  Coro<void> wait(std::string name) {
    const auto held = co_await condition_.scoped();
    const auto ended = co_await settled(condition_.wait());
    EXPECT_TRUE(condition_.locked());
    note(name + (ended ? "" : ended.cancelled() ? " cancelled" : " failed"));
    if (!ended) std::rethrow_exception(ended.error());
  }
  Coro<void> notify(std::size_t most) {
    const auto held = co_await condition_.scoped();
    condition_.notify(most);
  }
  Lock lock_;
  Condition condition_{&lock_};
};

TEST_F(ConditionTest, NeedsItsLockHeld) {  // SYNC-09
  EXPECT_EQ(error_of<LoopError>([&] { run(condition_.wait()); }), "cannot wait on un-acquired lock");
  EXPECT_EQ(error_of<LoopError>([&] { condition_.notify(); }), "cannot notify on un-acquired lock");
  EXPECT_EQ(error_of<LoopError>([&] { condition_.notify_all(); }), "cannot notify on un-acquired lock");
  EXPECT_EQ(error_of<LoopError>([&] { run(condition_.wait_for([] { return false; })); }),
            "cannot wait on un-acquired lock");
}

TEST_F(ConditionTest, NotifyWakesTheOldestAndKeepsTheLock) {  // SYNC-11
  const std::vector<Task<void>> tasks{start(wait("a")), start(wait("b")), start(wait("c")), start(wait("d"))};
  turn(2);
  EXPECT_FALSE(condition_.locked());
  run(condition_.acquire());
  condition_.notify();
  EXPECT_TRUE(condition_.locked());
  turn(2);
  EXPECT_THAT(noted(), IsEmpty());
  condition_.release();
  turn(2);
  EXPECT_THAT(noted(), ElementsAre("a"));
  run(notify(2));
  turn(4);
  EXPECT_THAT(noted(), ElementsAre("b", "c"));
  const auto all = [&]() -> Coro<void> {
    const auto held = co_await condition_.scoped();
    condition_.notify_all();
  };
  run(all());
  turn(4);
  EXPECT_THAT(noted(), ElementsAre("d"));
}

TEST_F(ConditionTest, ACancelledWaitHasTheLockAgainBeforeItThrows) {  // SYNC-10
  const auto waiter = start(wait("waiter"));
  turn();
  run(condition_.acquire());
  waiter.cancel("first");
  turn(2);
  EXPECT_FALSE(waiter.done());
  // Again, while it waits for the lock.
  waiter.cancel("second");
  turn(2);
  EXPECT_FALSE(waiter.done());
  waiter.cancel("third");
  turn(2);
  EXPECT_FALSE(waiter.done());
  condition_.release();
  turn(2);
  EXPECT_TRUE(waiter.cancelled());
  EXPECT_THAT(noted(), ElementsAre("waiter cancelled"));
  // The last one is thrown.
  try {
    waiter.result();
  } catch (const CancelledError& error) {
    EXPECT_EQ(error.message, "third");
  }
  EXPECT_FALSE(condition_.locked());
}

TEST_F(ConditionTest, ANotifiedWaiterThatIsCancelledPassesTheNotificationOn) {  // SYNC-12
  const auto a = start(wait("a"));
  const auto b = start(wait("b"));
  turn();
  run(condition_.acquire());
  condition_.notify();
  condition_.release();
  a.cancel();
  turn(4);
  EXPECT_TRUE(a.cancelled());
  EXPECT_THAT(noted(), ElementsAre("a cancelled", "b"));
  EXPECT_TRUE(b.done());
}

TEST_F(ConditionTest, OneThatIsCancelledWhileItTakesTheLockPassesTheNotificationOn) {  // SYNC-12
  const auto a = start(wait("a"));
  const auto b = start(wait("b"));
  turn();
  run(condition_.acquire());
  condition_.notify();
  turn(2);  // a waits for the lock now
  a.cancel();
  turn();
  condition_.release();
  turn(4);
  EXPECT_THAT(noted(), ElementsAre("a cancelled", "b"));
}

TEST_F(ConditionTest, WaitForLoopsUntilThePredicateHoldsAndAnswersItsValue) {  // SYNC-13
  int value = 0;
  const auto waits = [&]() -> Coro<int> {
    const auto held = co_await condition_.scoped();
    co_return co_await condition_.wait_for([&] { return value; });
  };
  const auto task = start(waits());
  turn();
  run(notify(1));
  turn(3);
  EXPECT_FALSE(task.done());
  value = 7;
  run(notify(1));
  turn(3);
  EXPECT_EQ(task.result(), 7);
}

TEST_F(ConditionTest, SeveralShareOneLock) {  // SYNC-13
  Condition other(&lock_);
  run(condition_.acquire());
  EXPECT_TRUE(lock_.locked());
  EXPECT_TRUE(other.locked());
  other.release();
  EXPECT_FALSE(condition_.locked());
  Condition own;
  run(own.acquire());
  EXPECT_FALSE(lock_.locked());
}

TEST_F(ConditionTest, BelongsToTheLoopOfTheFirstThatHadToWaitAndThenKeepsTheLock) {  // SYNC-01
  const auto waiter = start(wait("a"));
  turn();
  EventLoop other;
  const auto foreign = [&]() -> Coro<void> {
    co_await condition_.acquire();
    co_await condition_.wait();
  };
  EXPECT_EQ(error_of<LoopError>([&] { other.run_until_complete(foreign()); }),
            "<Condition [locked, waiters:1]> is bound to a different event loop");
  EXPECT_TRUE(condition_.locked());
  other.close();
  condition_.release();
  run(notify(1));
  turn(2);
  EXPECT_THAT(noted(), ElementsAre("a"));
}

}  // namespace
}  // namespace evloop
