#include "aio/as_completed.h"

#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class AsCompletedTest : public LoopTest {
 public:
  Coro<int> after(Duration delay, int value) {
    co_await sleep(delay);
    co_return value;
  }
};

TEST_F(AsCompletedTest, GivesFuturesInTheOrderInWhichTheyEnd) {  // COMB-13
  const auto body = [&]() -> Coro<void> {
    std::vector<Coro<int>> coros;
    for (const int i : {3, 1, 2}) coros.push_back(after(i * 1s, i));
    auto arrivals = as_completed(std::move(coros));
    while (const auto done = co_await arrivals.anext()) note(std::to_string(done->result()));
    EXPECT_EQ(co_await arrivals.anext(), std::nullopt);
  };
  run(body());
  EXPECT_THAT(noted(), ElementsAre("1", "2", "3"));
}

TEST_F(AsCompletedTest, GivesTheSameOneOnce) {  // COMB-13
  const auto body = [&]() -> Coro<void> {
    const auto task = start(after(1s, 1));
    auto arrivals = as_completed(std::vector{task, task});
    EXPECT_EQ((co_await arrivals.anext())->result(), 1);
    EXPECT_EQ(co_await arrivals.anext(), std::nullopt);
  };
  run(body());
}

TEST_F(AsCompletedTest, OfNothingEndsAtOnce) {
  const auto body = [&]() -> Coro<void> {
    EXPECT_EQ(co_await as_completed(std::vector<Task<int>>()).anext(), std::nullopt);
  };
  run(body());
}

TEST_F(AsCompletedTest, ThrowsTimeoutErrorForEachThatIsTooLateAndCancelsNone) {  // COMB-14
  const auto body = [&]() -> Coro<void> {
    const std::vector tasks{start(after(1s, 1)), start(after(5s, 5)), start(after(6s, 6))};
    auto arrivals = as_completed(tasks, 3s);
    EXPECT_EQ((co_await arrivals.anext())->result(), 1);
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(holds<TimeoutError>((co_await settled(arrivals.anext())).error()));
    EXPECT_EQ(now(), 3s);
    EXPECT_EQ(co_await arrivals.anext(), std::nullopt);
    EXPECT_EQ(co_await tasks[2], 6);
  };
  run(body());
}

TEST_F(AsCompletedTest, ACancelledWaitLosesNothing) {  // COMB-14
  const std::vector tasks{start(after(1s, 1)), start(after(2s, 2))};
  const auto body = [&]() -> Coro<void> {
    auto arrivals = as_completed(tasks);
    const auto next = [&]() -> Coro<void> { static_cast<void>(co_await arrivals.anext()); };
    const auto impatient = start(next());
    co_await yield();
    impatient.cancel();
    co_await yield();
    EXPECT_EQ((co_await arrivals.anext())->result(), 1);
    EXPECT_EQ((co_await arrivals.anext())->result(), 2);
    EXPECT_EQ(co_await arrivals.anext(), std::nullopt);
  };
  run(body());
}

}  // namespace
}  // namespace evloop
