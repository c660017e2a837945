#include "control/deadline.h"

#include <gtest/gtest.h>

namespace evloopd::control {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(Deadline, ACallWithoutOneWaitsThirtySeconds) { EXPECT_EQ(time_to_wait(nanoseconds::max()), 30s); }

TEST(Deadline, TheAnswerGoesOutBeforeTheCallerGivesUp) {
  EXPECT_EQ(time_to_wait(10s), 9900ms);
  EXPECT_EQ(time_to_wait(1s), 900ms);
  EXPECT_EQ(time_to_wait(50ms), 45ms);
}

TEST(Deadline, OneThatHasPassedLeavesNoTime) {
  EXPECT_EQ(time_to_wait(0s), 0s);
  EXPECT_EQ(time_to_wait(-1s), 0s);
}

}  // namespace
}  // namespace evloopd::control
