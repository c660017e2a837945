#include "control/names.h"

#include <gtest/gtest.h>

namespace evloopd::control {
namespace {

TEST(Names, ALoopIsNamedByItsResource) {
  EXPECT_EQ(parse_loop("loops/io-0").value(), "io-0");
  EXPECT_EQ(loop_resource("io-0"), "loops/io-0");
}

TEST(Names, AWorkloadIsNamedByItsResource) {
  EXPECT_EQ(parse_workload("workloads/web").value(), "web");
  EXPECT_EQ(workload_resource("web"), "workloads/web");
  EXPECT_EQ(parse_workload("loops/web").error().metadata.at("allowed"), "workloads/{workload}");
}

TEST(Names, AnythingElseIsABadArgumentThatSaysWhatIsAllowed) {
  for (const auto* given : {"", "io-0", "loops/", "loops/a/tasks/1", "workloads/a", "Loops/a"}) {
    const auto loop = parse_loop(given, "parent");
    ASSERT_FALSE(loop) << given;
    EXPECT_EQ(loop.error().reason, host::Reason::bad_argument);
    EXPECT_EQ(loop.error().metadata.at("field"), "parent");
    EXPECT_EQ(loop.error().metadata.at("allowed"), "loops/{loop}");
    EXPECT_EQ(loop.error().metadata.at("given"), given);
  }
}

}  // namespace
}  // namespace evloopd::control
