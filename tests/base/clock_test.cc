#include "base/clock.h"

#include <gtest/gtest.h>

namespace evloop {
namespace {

using namespace std::chrono_literals;

TEST(SteadyClock, NeverGoesBack) {
  const auto first = steady_clock().now();
  EXPECT_GE(steady_clock().now(), first);
  EXPECT_EQ(&steady_clock(), &steady_clock());
}

TEST(VirtualClock, MovesWhenItIsTold) {
  VirtualClock clock;
  EXPECT_EQ(clock.now(), TimePoint());
  EXPECT_EQ(clock.now(), TimePoint());
  clock.advance(3s);
  EXPECT_EQ(clock.now().time_since_epoch(), 3s);
}

}  // namespace
}  // namespace evloop
