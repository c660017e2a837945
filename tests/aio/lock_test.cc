#include "aio/lock.h"

#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class LockTest : public LoopTest {
 protected:
  Coro<void> acquire(std::string name) {
    co_await lock_.acquire();
    note(name);
  }
  Lock lock_;
};

TEST_F(LockTest, IsTakenWithoutATurnWhenItIsFree) {  // SYNC-02
  const auto body = [&]() -> Coro<std::uint64_t> {
    const auto before = turns();
    co_await lock_.acquire();
    EXPECT_TRUE(lock_.locked());
    lock_.release();
    co_await lock_.acquire();
    co_return turns() - before;
  };
  EXPECT_EQ(run(body()), 0u);
}

TEST_F(LockTest, ServesWaitersInOrderOfArrival) {  // SYNC-03
  run(lock_.acquire());
  const std::vector<Task<void>> tasks{start(acquire("a")), start(acquire("b")), start(acquire("c"))};
  turn();
  EXPECT_THAT(noted(), IsEmpty());
  for (int i = 0; i < 3; ++i) {
    lock_.release();
    turn(2);
  }
  EXPECT_THAT(noted(), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(lock_.locked());
}

TEST_F(LockTest, WakesTheNextInTheTurnAfterTheRelease) {  // SYNC-05
  run(lock_.acquire());
  const auto waiting = start(acquire("a"));
  turn();
  lock_.release();
  EXPECT_THAT(noted(), IsEmpty());
  turn();
  EXPECT_THAT(noted(), ElementsAre("a"));
}

TEST_F(LockTest, IsNotTakenOverFromAWokenWaiter) {  // SYNC-03, SYNC-04
  run(lock_.acquire());
  const auto first = start(acquire("first"));
  turn();
  const auto again = [&]() -> Coro<void> {
    lock_.release();
    EXPECT_FALSE(lock_.locked());
    co_await lock_.acquire();
    note("again");
    lock_.release();
  };
  const auto releaser = start(again());
  turn();
  EXPECT_THAT(noted(), IsEmpty());
  turn();
  EXPECT_THAT(noted(), ElementsAre("first"));
  lock_.release();
  turn();
  EXPECT_THAT(noted(), ElementsAre("again"));
}

TEST_F(LockTest, ReleaseOfAFreeLockIsAnError) {  // SYNC-05
  EXPECT_EQ(error_of<LoopError>([&] { lock_.release(); }), "Lock is not acquired.");
  EXPECT_FALSE(lock_.locked());
}

TEST_F(LockTest, AWokenWaiterThatIsCancelledPassesItOn) {  // SYNC-06
  run(lock_.acquire());
  const auto a = start(acquire("a"));
  const auto b = start(acquire("b"));
  turn();
  lock_.release();
  a.cancel();
  turn();
  EXPECT_TRUE(a.cancelled());
  turn();
  EXPECT_THAT(noted(), ElementsAre("b"));
  EXPECT_TRUE(lock_.locked());
}

TEST_F(LockTest, ACancelledWaiterBlocksNobody) {  // SYNC-06
  run(lock_.acquire());
  const auto a = start(acquire("a"));
  turn();
  a.cancel();
  lock_.release();
  // The cancelled task has not run yet: it is still in the list, but counts for nothing.
  const auto b = start(acquire("b"), {.eager_start = true});
  EXPECT_FALSE(b.done());
  turn();
  EXPECT_TRUE(a.cancelled());
  EXPECT_THAT(noted(), ElementsAre("b"));
}

TEST_F(LockTest, ACancelledWaiterDoesNotWakeOthersWhileItIsHeld) {  // SYNC-06
  run(lock_.acquire());
  const auto a = start(acquire("a"));
  const auto b = start(acquire("b"));
  turn();
  a.cancel();
  turn(3);
  EXPECT_TRUE(a.cancelled());
  EXPECT_FALSE(b.done());
  lock_.release();
  turn();
  EXPECT_THAT(noted(), ElementsAre("b"));
}

TEST_F(LockTest, BelongsToTheLoopOfTheFirstThatHadToWait) {  // SYNC-01
  run(lock_.acquire());
  const auto waiting = start(acquire("a"));
  turn();
  EventLoop other;
  EXPECT_EQ(error_of<LoopError>([&] { other.run_until_complete(lock_.acquire()); }),
            "<Lock [locked, waiters:1]> is bound to a different event loop");
  other.close();
  waiting.cancel();
  turn();
}

TEST_F(LockTest, AnUncontendedOneServesAnyLoop) {  // SYNC-01
  run(lock_.acquire());
  lock_.release();
  EventLoop other;
  other.run_until_complete(lock_.acquire());
  other.close();
  EXPECT_TRUE(lock_.locked());
}

TEST_F(LockTest, AScopeReleasesOnEveryWayOut) {  // SYNC-05
  const auto throws = [&]() -> Coro<void> {
    const auto held = co_await lock_.scoped();
    EXPECT_TRUE(lock_.locked());
    throw std::runtime_error("out");
  };
  EXPECT_THROW(run(throws()), std::runtime_error);
  EXPECT_FALSE(lock_.locked());

  const auto sleeps = [&]() -> Coro<void> {
    const auto held = co_await lock_.scoped();
    co_await sleep(1h);
  };
  const auto task = start(sleeps());
  turn();
  EXPECT_TRUE(lock_.locked());
  task.cancel();
  turn();
  EXPECT_FALSE(lock_.locked());
}

TEST_F(LockTest, AScopeCanEndEarly) {
  run([&]() -> Coro<void> {
    auto held = co_await lock_.scoped();
    held.release();
    EXPECT_FALSE(lock_.locked());
    held.release();
    auto moved = co_await lock_.scoped();
    const auto to = std::move(moved);
    EXPECT_TRUE(lock_.locked());
  }());
  EXPECT_FALSE(lock_.locked());
}

TEST_F(LockTest, TasksUnwoundWithTheirLoopLeaveItFree) {
  const auto holds_it = [&]() -> Coro<void> {
    const auto held = co_await lock_.scoped();
    co_await sleep(1h);
  };
  static_cast<void>(start(holds_it()));
  static_cast<void>(start(acquire("never")));
  turn();
  EXPECT_TRUE(lock_.locked());
  end_loop();
  EXPECT_FALSE(lock_.locked());
  EXPECT_THAT(reported(),
              ElementsAre("Task was destroyed but it is pending!", "Task was destroyed but it is pending!"));
}

TEST_F(LockTest, MayGoBeforeTheFramesThatWaitedForIt) {
  const auto owner = [&]() -> Coro<void> {
    Lock lock;
    co_await lock.acquire();
    const auto waits = [](Lock& awaited) -> Coro<void> { co_await awaited.acquire(); };
    static_cast<void>(get_running_loop().create_task(waits(lock)));
    co_await sleep(1h);
  };
  static_cast<void>(start(owner()));
  turn(2);
  end_loop();
  EXPECT_EQ(reported().size(), 2u);
}

}  // namespace
}  // namespace evloop
