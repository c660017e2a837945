#include "workloads/on_loops.h"

#include <memory>
#include <string>
#include <vector>

#include "workloads/make_workload.h"
#include "workloads/probe.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;

// Two targets, of which the one is up and the other down, at a quick pace.
class ProbeOnALoop : public FactsOnLoops {
 protected:
  ProbeOnALoop() : FactsOnLoops("watch") {
    EXPECT_TRUE(host_.create({.name = "io-0", .labels = {}}));
    EXPECT_TRUE(host_.start("io-0", soon()));
    EXPECT_TRUE(host_.add_workload({.name = "web", .loops = {"io-0"}, .listeners = {{.address = "127.0.0.1:0"}}},
                                   make_workload(HttpRespondOptions{})));
    up_.address = host_.workload("web")->listeners.at(0);
    EXPECT_TRUE(apply({up_, down_}));
  }

  host::HostResult<host::Applied> apply(std::vector<ProbeTargetOptions> targets) {
    return host_.apply_workload({.name = "watch", .loops = {"io-0"}, .listeners = {}},
                                std::make_unique<Probe>(ProbeOptions{.targets = std::move(targets)}));
  }

  ProbeTargetOptions up_{.name = "up",
                         .address = "",
                         .check = {.kind = CheckKind::http, .interval = 10ms, .down_interval = 10ms, .timeout = 10s}};
  ProbeTargetOptions down_{.name = "down",
                           .address = "127.0.0.1:1",
                           .check = {.kind = CheckKind::tcp, .interval = 10ms, .down_interval = 10ms}};
};

TEST_F(ProbeOnALoop, IsReadWhileItRunsAndChanges) {
  ASSERT_TRUE(comes("up", testing::StartsWith("up since ")));
  ASSERT_TRUE(comes("down", testing::StartsWith("down since ")));
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(apply({up_}), host::Applied::updated);
    EXPECT_EQ(fact("down"), "");
    EXPECT_THAT(fact("up"), testing::StartsWith("up since ")) << "it stays";
    ASSERT_EQ(apply({up_, down_}), host::Applied::updated);
    ASSERT_EQ(apply({up_, down_}), host::Applied::unchanged);
    ASSERT_TRUE(comes("down", testing::StartsWith("down since ")));
  }
}

TEST_F(ProbeOnALoop, GoesOnWhenItsLoopWasDrainedAndStarted) {
  ASSERT_TRUE(comes("up", testing::StartsWith("up since ")));
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(host_.drain("io-0", soon()));
    down_.name = "down-" + std::to_string(round);
    ASSERT_EQ(apply({up_, down_}), host::Applied::updated) << "to a loop at rest";
    EXPECT_EQ(fact(down_.name), "not probed yet");
    ASSERT_TRUE(host_.start("io-0", soon()));
    ASSERT_TRUE(comes(down_.name, testing::StartsWith("down since ")));
  }
}

}  // namespace
}  // namespace evloopd::workloads
