#include "control/calls.h"

#include <gmock/gmock.h>

namespace evloopd::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Calls, NamesThoseThatWaitOldestFirst) {
  Calls calls(3, 3);
  const auto first = calls.enter("StopLoop", "loops/a");
  const auto second = calls.enter("CloseLoop", "loops/b");
  EXPECT_TRUE(first && second);
  EXPECT_THAT(calls.waiting(), ElementsAre("StopLoop loops/a", "CloseLoop loops/b"));
}

TEST(Calls, RefusesMoreThanItsLimitUntilOneEnds) {
  Calls calls(1, 1);
  {
    const auto first = calls.enter("StopLoop", "loops/a");
    EXPECT_TRUE(first);
    const auto refused = calls.enter("StopLoop", "loops/b");
    EXPECT_FALSE(refused);
    EXPECT_THAT(refused.why_not(), HasSubstr("1 calls wait for their loops"));
    EXPECT_THAT(calls.waiting(), ElementsAre("StopLoop loops/a"));
  }
  EXPECT_THAT(calls.waiting(), IsEmpty());
  const auto third = calls.enter("StopLoop", "loops/c");
  EXPECT_TRUE(third);
}

TEST(Calls, OneLoopMayNotHaveThemAll) {
  Calls calls(3, 2);
  const auto first = calls.enter("StopLoop", "loops/a");
  const auto second = calls.enter("CloseLoop", "loops/a");
  const auto refused = calls.enter("StopLoop", "loops/a");
  EXPECT_FALSE(refused);
  EXPECT_THAT(refused.why_not(), HasSubstr("2 calls wait for loops/a"));
  const auto other = calls.enter("StopLoop", "loops/b");
  EXPECT_TRUE(other);
}

}  // namespace
}  // namespace evloopd::control
