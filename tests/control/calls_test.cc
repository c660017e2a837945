#include "control/calls.h"

#include <gmock/gmock.h>

#include <optional>

namespace evloopd::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Calls, NamesThoseThatWaitOldestFirst) {
  Calls calls(3);
  const auto first = calls.enter("StopLoop loops/a");
  const auto second = calls.enter("CloseLoop loops/b");
  EXPECT_TRUE(first && second);
  EXPECT_THAT(calls.waiting(), ElementsAre("StopLoop loops/a", "CloseLoop loops/b"));
}

TEST(Calls, RefusesMoreThanItsLimitUntilOneEnds) {
  Calls calls(1);
  {
    const auto first = calls.enter("first");
    EXPECT_TRUE(first);
    const auto refused = calls.enter("second");
    EXPECT_FALSE(refused);
    EXPECT_THAT(calls.waiting(), ElementsAre("first"));
  }
  EXPECT_THAT(calls.waiting(), IsEmpty());
  const auto third = calls.enter("third");
  EXPECT_TRUE(third);
}

}  // namespace
}  // namespace evloopd::control
