#include "workloads/upstreams/retry_budget.h"

#include <gtest/gtest.h>

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;

constexpr evloop::TimePoint begin{1h};

int take_all(RetryBudget& budget, evloop::TimePoint now) {
  int taken = 0;
  while (taken < 1000 && budget.take(now)) ++taken;
  return taken;
}

TEST(RetryBudget, AllowsAFewASecondWithoutAnyClient) {
  RetryBudget budget({.percent = 20, .least = 2});
  EXPECT_EQ(take_all(budget, begin), 20) << "of ten seconds";
  EXPECT_EQ(take_all(budget, begin + 9s), 0);
  EXPECT_EQ(take_all(budget, begin + 10s), 20);
}

TEST(RetryBudget, AllowsAShareOfTheClients) {
  RetryBudget budget({.percent = 20, .least = 0});
  for (int i = 0; i < 50; ++i) budget.count_client(begin);
  EXPECT_EQ(take_all(budget, begin), 10);
  for (int i = 0; i < 10; ++i) budget.count_client(begin + 5s);
  EXPECT_EQ(take_all(budget, begin + 5s), 2);
  EXPECT_EQ(take_all(budget, begin + 10s), 0) << "the ten clients of the last seconds had their share";
}

TEST(RetryBudget, OfNothingAllowsNone) {
  RetryBudget budget({.percent = 0, .least = 0});
  for (int i = 0; i < 1000; ++i) budget.count_client(begin);
  EXPECT_FALSE(budget.take(begin));
}

TEST(RetryBudget, ForgetsWhatIsLongAgo) {
  RetryBudget budget({.percent = 100, .least = 0});
  for (int i = 0; i < 7; ++i) budget.count_client(begin);
  EXPECT_FALSE(budget.take(begin + 100s));
}

}  // namespace
}  // namespace evloopd::workloads
