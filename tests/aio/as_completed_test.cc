#include "aio/as_completed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aio/runner.h"
#include "aio/sleep.h"

namespace evloop {
namespace {

using namespace std::chrono_literals;

Coro<int> after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await yield();
  co_return value;
}

Coro<std::vector<int>> order_of_arrival() {
  std::vector<Coro<int>> children;
  children.push_back(after(3, 1));
  children.push_back(after(1, 2));
  children.push_back(after(2, 3));
  auto arrivals = as_completed(std::move(children));
  std::vector<int> order;
  while (auto done = co_await arrivals.anext()) order.push_back(done->result());
  co_return order;
}

TEST(AsCompleted, AnswersFuturesInTheOrderOfTheirEnd) {
  EXPECT_THAT(run(order_of_arrival()), testing::ElementsAre(2, 3, 1));
}

Coro<int> count(std::vector<Future<int>> futures) {
  auto arrivals = as_completed(std::move(futures));
  int n = 0;
  while (co_await arrivals.anext()) ++n;
  co_return n;
}
Coro<int> count_twice_the_same() {
  const Future<int> one = get_running_loop().create_task(after(1, 1));
  co_return co_await count({one, one});
}

TEST(AsCompleted, CountsTheSameFutureOnce) { EXPECT_EQ(run(count_twice_the_same()), 1); }
TEST(AsCompleted, OfNothingEndsAtOnce) { EXPECT_EQ(run(count({})), 0); }

Coro<void> timeout_of_two_in_three() {
  auto& loop = get_running_loop();
  const auto never = loop.create_future<int>();
  const auto nor_this = loop.create_future<int>();
  std::vector<Future<int>> futures{never, loop.create_task(after(1, 7)), nor_this};
  auto arrivals = as_completed(std::move(futures), 1ms);
  const auto first = co_await arrivals.anext();
  EXPECT_EQ(first->result(), 7);
  for (int i = 0; i < 2; ++i) {
    const auto late = co_await settled(arrivals.anext());
    EXPECT_TRUE(holds<TimeoutError>(late.error()));
  }
  EXPECT_FALSE(co_await arrivals.anext());
  EXPECT_FALSE(never.cancelled());
}

TEST(AsCompleted, ThrowsForEachThatIsLateAndCancelsNone) { run(timeout_of_two_in_three()); }

Coro<void> cancelled_consumer() {
  auto& loop = get_running_loop();
  const auto future = loop.create_future<int>();
  auto arrivals = as_completed(std::vector<Future<int>>{future});
  auto consumer = loop.create_task(arrivals.anext());
  co_await yield();
  consumer.cancel();
  co_await settled(consumer);
  EXPECT_TRUE(consumer.cancelled());
  future.set_result(5);
  const auto done = co_await arrivals.anext();
  EXPECT_EQ(done.value().result(), 5);
}

TEST(AsCompleted, ACancelledConsumerLosesNoItem) { run(cancelled_consumer()); }

}  // namespace
}  // namespace evloop
