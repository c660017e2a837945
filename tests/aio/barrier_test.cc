#include "aio/barrier.h"

#include <map>

#include "aio/settled.h"
#include "loop_test.h"

namespace evloop {
namespace {

class BarrierTest : public LoopTest {
 protected:
  Coro<void> wait(Barrier& barrier, std::string name) {
    auto ended = co_await settled(barrier.wait());
    if (ended) {
      note(name + " " + std::to_string(ended.value()));
    } else if (ended.cancelled()) {
      note(name + " cancelled");
      std::rethrow_exception(ended.error());
    } else {
      note(name + " " + text_of<BrokenBarrierError>(ended.error()));
    }
  }
  std::vector<Task<void>> start_waits(Barrier& barrier, int count) {
    std::vector<Task<void>> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back(start(wait(barrier, std::to_string(i))));
    return tasks;
  }
};

TEST_F(BarrierTest, NeedsAtLeastOneParty) {  // SYNC-19
  EXPECT_EQ(error_of<ValueError>([] { Barrier barrier(0); }), "parties must be >= 1");
  EXPECT_EQ(Barrier(3).parties(), 3u);
}

TEST_F(BarrierTest, GivesEachOfARoundItsIndex) {  // SYNC-19
  Barrier barrier(3);
  const auto tasks = start_waits(barrier, 2);
  turn(3);
  EXPECT_EQ(barrier.n_waiting(), 2u);
  EXPECT_THAT(noted(), IsEmpty());
  const auto last = start(wait(barrier, "last"));
  turn(6);
  EXPECT_THAT(noted(), testing::UnorderedElementsAre("0 0", "1 1", "last 2"));
  EXPECT_EQ(barrier.n_waiting(), 0u);
}

TEST_F(BarrierTest, OfOnePartyDoesNotSuspend) {
  Barrier barrier(1);
  const auto body = [&]() -> Coro<std::uint64_t> {
    const auto before = turns();
    EXPECT_EQ(co_await barrier.wait(), 0u);
    EXPECT_EQ(co_await barrier.wait(), 0u);
    co_return turns() - before;
  };
  EXPECT_EQ(run(body()), 0u);
}

TEST_F(BarrierTest, ANewRoundFillsOnlyWhenTheLastHasLeft) {  // SYNC-20
  Barrier barrier(2);
  const auto tasks = start_waits(barrier, 5);
  turn(12);
  const auto seen = noted();
  EXPECT_EQ(seen.size(), 4u);
  std::map<char, int> by_index;
  for (const auto& line : seen) ++by_index[line.back()];
  EXPECT_EQ(by_index, (std::map<char, int>{{'0', 2}, {'1', 2}}));
  EXPECT_EQ(barrier.n_waiting(), 1u);
  const auto last = start(wait(barrier, "last"));
  turn(6);
  EXPECT_EQ(noted().size(), 2u);
}

TEST_F(BarrierTest, ACancelledWaitOnlyLowersTheCount) {  // SYNC-21
  Barrier barrier(2);
  const auto tasks = start_waits(barrier, 1);
  turn(2);
  tasks[0].cancel();
  turn(2);
  EXPECT_THAT(noted(), ElementsAre("0 cancelled"));
  EXPECT_EQ(barrier.n_waiting(), 0u);
  EXPECT_FALSE(barrier.broken());
  const auto more = start_waits(barrier, 2);
  turn(6);
  EXPECT_EQ(noted().size(), 2u);
}

TEST_F(BarrierTest, AbortBreaksItForThoseInsideAndThoseToCome) {  // SYNC-22
  Barrier barrier(3);
  const auto inside = start_waits(barrier, 2);
  turn(2);
  run(barrier.abort());
  turn(6);
  EXPECT_TRUE(barrier.broken());
  EXPECT_THAT(noted(), ElementsAre("0 Abort or reset of barrier", "1 Abort or reset of barrier"));
  run(wait(barrier, "late"));
  EXPECT_THAT(noted(), ElementsAre("late Barrier aborted"));
  EXPECT_EQ(barrier.repr(), "<Barrier [broken]>");
  run(barrier.reset());
  EXPECT_FALSE(barrier.broken());
  EXPECT_EQ(barrier.repr(), "<Barrier [filling, waiters:0/3]>");
}

TEST_F(BarrierTest, ResetThrowsOutThoseInsideAndStartsAnew) {  // SYNC-23
  Barrier barrier(3);
  const auto inside = start_waits(barrier, 2);
  turn(2);
  run(barrier.reset());
  turn(6);
  EXPECT_THAT(noted(), ElementsAre("0 Abort or reset of barrier", "1 Abort or reset of barrier"));
  const auto again = start_waits(barrier, 3);
  turn(8);
  EXPECT_THAT(noted(), testing::UnorderedElementsAre("0 0", "1 1", "2 2"));
}

}  // namespace
}  // namespace evloop
