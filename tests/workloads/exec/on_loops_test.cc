#include "workloads/on_loops.h"

#include <memory>
#include <string>
#include <vector>

#include "workloads/exec.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;

// Two programs, of which one ends at once, again and again.
class ExecOnLoops : public FactsOnLoops {
 protected:
  ExecOnLoops() : FactsOnLoops("jobs") {
    for (const auto* name : {"io-0", "io-1"}) {
      EXPECT_TRUE(host_.create({.name = name, .labels = {}}));
      EXPECT_TRUE(host_.start(name, soon()));
    }
    EXPECT_EQ(apply("io-0", {stays_, ends_}), host::Applied::created);
  }

  host::Applied apply(const std::string& loop, std::vector<ExecProgramOptions> programs) {
    const auto applied =
        host_.apply_workload({.name = "jobs", .loops = {loop}, .listeners = {}},
                             std::make_unique<Exec>(ExecOptions{.programs = std::move(programs), .may_exec = true}));
    EXPECT_TRUE(applied) << applied.error().message;
    return applied.value_or(host::Applied::unchanged);
  }

  const ExecProgramOptions stays_{.name = "stays", .command = {"sleep", "1000"}};
  const ExecProgramOptions ends_{
      .name = "ends", .command = {"echo", "hello"}, .restart_delay = 10ms, .restart_delay_max = 10ms, .log_rate = 0};
};

TEST_F(ExecOnLoops, IsReadWhileItRunsAndChanges) {
  ASSERT_TRUE(comes("stays", testing::HasSubstr("runs as pid ")));
  const auto stays = fact("stays");
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(comes("ends stdout", testing::HasSubstr("hello")));
    ASSERT_EQ(apply("io-0", {stays_}), host::Applied::updated);
    EXPECT_EQ(fact("ends"), "");
    ASSERT_EQ(apply("io-0", {stays_, ends_}), host::Applied::updated);
    ASSERT_EQ(apply("io-0", {stays_, ends_}), host::Applied::unchanged);
  }
  EXPECT_EQ(fact("stays"), stays) << "it goes on";
}

TEST_F(ExecOnLoops, MovesToOtherLoopsAndToThoseThatReplaceThem) {
  for (int starts = 1; starts <= 4; ++starts) {
    ASSERT_TRUE(comes("stays", testing::HasSubstr("runs as pid ")));
    ASSERT_TRUE(comes("stays", testing::HasSubstr("; started " + std::to_string(starts))));
    ASSERT_EQ(apply(starts % 2 == 1 ? "io-1" : "io-0", {stays_, ends_}), host::Applied::replaced);
  }
  ASSERT_TRUE(comes("stays", testing::HasSubstr("; started 5")));
  const auto replaced = host_.replace("io-0", true, soon());
  ASSERT_TRUE(replaced) << replaced.error().message;
  ASSERT_TRUE(comes("stays", testing::HasSubstr("; started 6")));
}

TEST_F(ExecOnLoops, GoesOnWhenItsLoopWasDrainedAndStarted) {
  for (int round = 1; round <= 5; ++round) {
    ASSERT_TRUE(comes("stays", testing::HasSubstr("; started " + std::to_string(round))));
    ASSERT_TRUE(comes("stays", testing::HasSubstr("runs as pid ")));
    ASSERT_TRUE(host_.drain("io-0", soon()));
    EXPECT_THAT(fact("stays"), testing::StartsWith("does not run; started "));
    EXPECT_THAT(fact("stays"), testing::HasSubstr("was stopped: was ended by signal 15 (TERM)"));
    ASSERT_TRUE(host_.start("io-0", soon()));
  }
}

}  // namespace
}  // namespace evloopd::workloads
