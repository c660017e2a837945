#include "aio/callable.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace evloop {
namespace {

TEST(Callable, CallsSmallAndLargeFunctions) {
  int called = 0;
  Callable small([&] { ++called; });
  small();
  const std::array<int, 100> large{1};
  Callable big([&, large] { called += large[0]; });
  big();
  EXPECT_EQ(called, 2);
}

TEST(Callable, ResetDropsWhatWasCaptured) {
  const auto captured = std::make_shared<int>(1);
  Callable small([captured] {});
  Callable large([captured, padding = std::array<char, 100>()] { static_cast<void>(padding); });
  EXPECT_EQ(captured.use_count(), 3);
  small.reset();
  large.reset();
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_FALSE(small);
  small.reset();
}

TEST(Callable, TakesWhatCanOnlyBeMoved) {
  int seen = 0;
  Callable callable([&seen, number = std::make_unique<int>(4)] { seen = *number; });
  callable();
  EXPECT_EQ(seen, 4);
}

TEST(Callable, DropsItsFunctionWhenItGoes) {
  const auto captured = std::make_shared<int>(1);
  { const Callable callable([captured] {}); }
  EXPECT_EQ(captured.use_count(), 1);
}

}  // namespace
}  // namespace evloop
