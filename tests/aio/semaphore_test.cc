#include "aio/semaphore.h"

#include "loop_test.h"

namespace evloop {
namespace {

class SemaphoreTest : public LoopTest {
 protected:
  Coro<void> acquire(Semaphore& semaphore, std::string name) {
    co_await semaphore.acquire();
    note(name);
  }
};

TEST_F(SemaphoreTest, IsNotNegative) {  // SYNC-14
  EXPECT_EQ(error_of<ValueError>([] { Semaphore semaphore(-1); }), "Semaphore initial value must be >= 0");
  EXPECT_EQ(error_of<ValueError>([] { BoundedSemaphore semaphore(-1); }), "Semaphore initial value must be >= 0");
  EXPECT_TRUE(Semaphore(0).locked());
}

TEST_F(SemaphoreTest, LetsAsManyInAsItHasUnits) {
  Semaphore semaphore(2);
  const auto body = [&]() -> Coro<std::uint64_t> {
    const auto before = turns();
    co_await semaphore.acquire();
    EXPECT_FALSE(semaphore.locked());
    co_await semaphore.acquire();
    EXPECT_TRUE(semaphore.locked());
    co_return turns() - before;
  };
  EXPECT_EQ(run(body()), 0u);
}

TEST_F(SemaphoreTest, NobodyOvertakesWhoWaits) {  // SYNC-15
  Semaphore semaphore(0);
  const auto a = start(acquire(semaphore, "a"));
  turn();
  semaphore.release();
  semaphore.release();
  EXPECT_TRUE(semaphore.locked());  // a unit is left, but a waits
  const auto b = start(acquire(semaphore, "b"), {.eager_start = true});
  turn(3);
  EXPECT_THAT(noted(), ElementsAre("a", "b"));
  EXPECT_TRUE(semaphore.locked());
}

TEST_F(SemaphoreTest, ServesWaitersInOrderOfArrival) {  // SYNC-15
  Semaphore semaphore(0);
  const std::vector<Task<void>> tasks{start(acquire(semaphore, "a")), start(acquire(semaphore, "b")),
                                      start(acquire(semaphore, "c"))};
  turn();
  for (int i = 0; i < 3; ++i) semaphore.release();
  turn(3);
  EXPECT_THAT(noted(), ElementsAre("a", "b", "c"));
}

TEST_F(SemaphoreTest, AReleasedUnitGoesStraightToTheOldestWaiter) {  // SYNC-16
  Semaphore semaphore(0);
  const auto a = start(acquire(semaphore, "a"));
  turn();
  semaphore.release();
  EXPECT_EQ(semaphore.repr(), "<Semaphore [locked, waiters:1]>");
  turn();
  EXPECT_EQ(semaphore.repr(), "<Semaphore [locked]>");
  semaphore.release();
  EXPECT_EQ(semaphore.repr(), "<Semaphore [unlocked, value:1]>");
}

TEST_F(SemaphoreTest, ACancelledWaiterGivesItsUnitBack) {  // SYNC-17
  Semaphore semaphore(0);
  const auto a = start(acquire(semaphore, "a"));
  const auto b = start(acquire(semaphore, "b"));
  turn();
  semaphore.release();
  a.cancel();
  turn(3);
  EXPECT_TRUE(a.cancelled());
  EXPECT_THAT(noted(), ElementsAre("b"));
  EXPECT_EQ(semaphore.repr(), "<Semaphore [locked]>");
}

TEST_F(SemaphoreTest, ACancelledWaiterWithoutAUnitGivesNothing) {  // SYNC-17
  Semaphore semaphore(0);
  const auto a = start(acquire(semaphore, "a"));
  const auto b = start(acquire(semaphore, "b"));
  turn();
  a.cancel();
  turn(3);
  EXPECT_FALSE(b.done());
  semaphore.release();
  turn(2);
  EXPECT_THAT(noted(), ElementsAre("b"));
  EXPECT_TRUE(semaphore.locked());
}

TEST_F(SemaphoreTest, NoUnitIsLostNorDoubledHoweverTheyAreCancelled) {  // SYNC-17
  for (unsigned cancelled = 0; cancelled < 16; ++cancelled) {
    Semaphore semaphore(0);
    std::vector<Task<void>> tasks;
    for (int i = 0; i < 4; ++i) tasks.push_back(start(acquire(semaphore, "got")));
    turn();
    semaphore.release();
    semaphore.release();
    for (unsigned i = 0; i < 4; ++i)
      if (cancelled & (1u << i)) tasks[i].cancel();
    turn(5);
    const auto got = noted().size();
    const auto left = 4 - static_cast<std::size_t>(std::popcount(cancelled));
    EXPECT_EQ(got, std::min<std::size_t>(2, left)) << cancelled;
    for (std::size_t i = got; i < 2; ++i) run(semaphore.acquire());
    EXPECT_TRUE(semaphore.locked());
    for (const auto& task : tasks) task.cancel();
    turn(3);
  }
}

TEST_F(SemaphoreTest, GrowsBeyondItsInitialValueUnlessItIsBounded) {  // SYNC-18
  Semaphore semaphore(1);
  semaphore.release();
  EXPECT_EQ(semaphore.repr(), "<Semaphore [unlocked, value:2]>");
  BoundedSemaphore bounded(1);
  EXPECT_EQ(error_of<ValueError>([&] { bounded.release(); }), "BoundedSemaphore released too many times");
  run(bounded.acquire());
  bounded.release();
  EXPECT_FALSE(bounded.locked());
}

TEST_F(SemaphoreTest, AScopeGivesItsUnitBack) {
  Semaphore semaphore(1);
  const auto body = [&]() -> Coro<void> {
    const auto held = co_await semaphore.scoped();
    EXPECT_TRUE(semaphore.locked());
  };
  run(body());
  EXPECT_FALSE(semaphore.locked());
}

TEST_F(SemaphoreTest, AUnitGivenOnAClosedLoopIsGivenAway) {  // LIFE-42
  BoundedSemaphore bounded(1);
  run(bounded.acquire());
  std::optional waiting = start(acquire(bounded, "a"));
  turn();
  loop().close();
  EXPECT_EQ(error_of<LoopError>([&] { bounded.release(); }), "Event loop is closed");
  bounded.release();
  EXPECT_EQ(error_of<ValueError>([&] { bounded.release(); }), "BoundedSemaphore released too many times");
  waiting.reset();
  end_loop();
  EXPECT_THAT(reported(), ElementsAre("Task was destroyed but it is pending!"));
}

TEST_F(SemaphoreTest, BelongsToTheLoopOfTheFirstThatHadToWait) {  // SYNC-01
  Semaphore semaphore(0);
  const auto a = start(acquire(semaphore, "a"));
  turn();
  EventLoop other;
  EXPECT_EQ(error_of<LoopError>([&] { other.run_until_complete(semaphore.acquire()); }),
            "<Semaphore [locked, waiters:1]> is bound to a different event loop");
  other.close();
  semaphore.release();
  turn(2);
}

}  // namespace
}  // namespace evloop
