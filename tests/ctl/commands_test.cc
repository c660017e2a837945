// The commands through a real control plane: what they print and how they exit.

#include "ctl/commands.h"

#include <gmock/gmock.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "control/test_daemon.h"

namespace evloopd::ctl {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

// One run of evloopctl.
struct Ctl {
  explicit Ctl(const std::string& target, Format format = Format::table)
      : client(target, control::testing::patience), commands(client, format, false, out, err) {}

  std::ostringstream out;
  std::ostringstream err;
  Client client;
  Commands commands;
};

class CommandsTest : public testing::Test {
 protected:
  v1::Job job(const std::string& kind, const std::map<std::string, std::string>& options) {
    v1::Job job;
    job.set_kind(kind);
    job.mutable_options()->insert(options.begin(), options.end());
    return job;
  }

  control::testing::TestDaemon daemon;
  Ctl ctl{daemon.admin_target()};
  Ctl json{daemon.admin_target(), Format::json};
};

TEST_F(CommandsTest, LeadALoopThroughItsLife) {
  EXPECT_EQ(ctl.commands.create("io-0", {{"zone", "a"}}, v1::SELECTOR_KIND_POLL), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), HasSubstr("io-0  CREATED"));
  EXPECT_EQ(ctl.commands.start({"io-0"}), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), HasSubstr("io-0  RUNNING"));
  EXPECT_EQ(ctl.commands.health("io-0"), ExitCode::ok);
  EXPECT_EQ(ctl.commands.stop({"loops/io-0"}), ExitCode::ok) << "a resource name will do as well";
  EXPECT_EQ(ctl.commands.health("io-0"), ExitCode::other);
  EXPECT_EQ(ctl.commands.close({"io-0"}, v1::CLOSE_MODE_GRACEFUL), ExitCode::ok);
  EXPECT_EQ(ctl.commands.remove({"io-0"}), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), HasSubstr("loops/io-0 removed\n"));
  EXPECT_THAT(ctl.err.str(), IsEmpty());
}

TEST_F(CommandsTest, TroubleGoesToStandardErrorWithAHint) {
  EXPECT_EQ(ctl.commands.stop({"nobody"}), ExitCode::not_found);
  EXPECT_THAT(ctl.out.str(), IsEmpty());
  EXPECT_THAT(ctl.err.str(), AllOf(HasSubstr("evloopctl: stop nobody: "), HasSubstr("(LOOP_NOT_FOUND)\n"),
                                   HasSubstr("  hint: evloopctl ls")));
}

TEST_F(CommandsTest, OneOfTwoLoopsDoneIsPartlyDone) {
  daemon.run_loop("io-0");
  EXPECT_EQ(ctl.commands.stop({"nobody", "io-0"}), ExitCode::partly);
  EXPECT_THAT(ctl.out.str(), HasSubstr("io-0  STOPPED"));
  EXPECT_THAT(ctl.err.str(), HasSubstr("nobody"));
  EXPECT_EQ(ctl.commands.stop({"nobody", "none"}), ExitCode::not_found);
}

TEST_F(CommandsTest, AnErrorInJsonModeIsJson) {
  daemon.run_loop("io-0");
  EXPECT_EQ(json.commands.close({"io-0"}, v1::CLOSE_MODE_RAW), ExitCode::wrong_state);
  const auto error = nlohmann::json::parse(json.err.str()).at("error");
  EXPECT_EQ(error.at("reason"), "LOOP_RUNNING");
  EXPECT_EQ(error.at("code"), "FAILED_PRECONDITION");
}

TEST_F(CommandsTest, ListsAreTheApisJson) {
  daemon.run_loop("io-0");
  EXPECT_EQ(json.commands.list_loops(), ExitCode::ok);
  const auto loops = nlohmann::json::parse(json.out.str()).at("loops");
  ASSERT_EQ(loops.size(), 1U);
  EXPECT_EQ(loops.at(0).at("name"), "loops/io-0");
  EXPECT_EQ(loops.at(0).at("state"), "LOOP_STATE_RUNNING");
  EXPECT_TRUE(loops.at(0).at("asyncio").at("is_running"));
  EXPECT_FALSE(loops.at(0).at("stalled")) << "fields that are zero are there, too";
}

TEST_F(CommandsTest, NamesAreOneToALine) {
  daemon.run_loop("io-0");
  daemon.run_loop("io-1");
  Ctl names(daemon.admin_target(), Format::name);
  EXPECT_EQ(names.commands.list_loops(), ExitCode::ok);
  EXPECT_EQ(names.out.str(), "loops/io-0\nloops/io-1\n");
}

TEST_F(CommandsTest, RunPrintsTheResultOfItsJob) {
  EXPECT_EQ(ctl.commands.create("io-0", {}, v1::SELECTOR_KIND_UNSPECIFIED), ExitCode::ok);
  ctl.out.str("");
  EXPECT_EQ(ctl.commands.run("io-0", job("echo", {{"text", "hello"}})), ExitCode::ok);
  EXPECT_EQ(ctl.out.str(), "hello\n");
  EXPECT_EQ(ctl.commands.run("io-0", job("fail", {{"message", "out of cheese"}})), ExitCode::other);
  EXPECT_THAT(ctl.err.str(), AllOf(HasSubstr("out of cheese"), HasSubstr("(JOB_FAILED)")));
  EXPECT_EQ(json.commands.run("io-0", job("echo", {{"text", "hello"}})), ExitCode::ok);
  EXPECT_EQ(nlohmann::json::parse(json.out.str()).at("result"), "hello");
}

TEST_F(CommandsTest, UpstreamsAreShownAndSet) {
  daemon.run_loop("io-0");
  daemon.forward("front", "io-0");
  v1::UpstreamTarget target;
  target.set_address("10.0.0.1:80");
  target.set_weight(2);
  EXPECT_EQ(ctl.commands.set_upstreams("front", {target}), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), HasSubstr("10.0.0.1:80  10.0.0.1:80  DOWN"));
  Ctl names(daemon.observe_target(), Format::name);
  EXPECT_EQ(names.commands.list_upstreams("workloads/front"), ExitCode::ok);
  EXPECT_EQ(names.out.str(), "10.0.0.1:80\n");
  EXPECT_EQ(json.commands.list_upstreams("front"), ExitCode::ok);
  EXPECT_EQ(nlohmann::json::parse(json.out.str()).at("upstreams").at(0).at("weight"), 2);
  target.set_weight(300);
  EXPECT_EQ(ctl.commands.set_upstreams("front", {target}), ExitCode::usage);
  EXPECT_THAT(ctl.err.str(), HasSubstr("upstreams[0].weight must be 1 to 256, not '300' (BAD_ARGUMENT)"));
}

TEST_F(CommandsTest, UpstreamsOfAWorkloadThatHasNoneAreAWrongState) {
  const auto held = daemon.run_loop_with(0, "io-0");
  EXPECT_EQ(ctl.commands.list_upstreams("on-io-0"), ExitCode::wrong_state);
  EXPECT_THAT(ctl.err.str(), HasSubstr("workload on-io-0 is a test.holder, which has no upstreams"));
  EXPECT_EQ(ctl.commands.list_upstreams("nobody"), ExitCode::not_found);
}

TEST_F(CommandsTest, FaultsAreShownAndSet) {
  daemon.run_loop("io-0");
  daemon.forward("front", "io-0");
  EXPECT_EQ(ctl.commands.list_faults("front"), ExitCode::ok);
  EXPECT_EQ(ctl.out.str(), "none\n");
  v1::SetFaultsRequest request;
  request.mutable_faults()->mutable_latency()->set_nanos(20'000'000);
  request.mutable_ttl()->set_seconds(5);
  EXPECT_EQ(ctl.commands.set_faults("front", request), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(),
              HasSubstr("latency 20.0ms; 100% of the connections, both ways\nuntil 1970-01-01 00:01:45Z"));
  EXPECT_EQ(json.commands.list_faults("workloads/front"), ExitCode::ok);
  EXPECT_EQ(nlohmann::json::parse(json.out.str()).at("in_force").at("percent"), 100);
  request.mutable_faults()->mutable_latency()->set_seconds(61);
  EXPECT_EQ(ctl.commands.set_faults("front", request), ExitCode::usage);
  EXPECT_THAT(ctl.err.str(), HasSubstr("faults.latency must be at most 60 s"));
  EXPECT_EQ(ctl.commands.set_faults("front", {}), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), EndsWith("\nnone\n"));
}

TEST_F(CommandsTest, FaultsOfAWorkloadThatCannotHaveThemAreAWrongState) {
  const auto held = daemon.run_loop_with(0, "io-0");
  EXPECT_EQ(ctl.commands.list_faults("on-io-0"), ExitCode::wrong_state);
  EXPECT_THAT(ctl.err.str(), HasSubstr("workload on-io-0 is a test.holder, which cannot have faults"));
  EXPECT_EQ(ctl.commands.list_faults("nobody"), ExitCode::not_found);
}

TEST_F(CommandsTest, DescribeTakesLoopsOrWorkloads) {
  daemon.run_loop("io-0");
  daemon.forward("front", "io-0");
  EXPECT_EQ(ctl.commands.describe({"io-0"}), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), HasSubstr("State:         RUNNING"));
  EXPECT_EQ(ctl.commands.describe({"workloads/front"}), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), HasSubstr("Kind:          test.forwarder"));
  EXPECT_EQ(json.commands.describe({"workloads/front", "workloads/nobody"}), ExitCode::partly);
  EXPECT_EQ(nlohmann::json::parse(json.out.str()).at("workloads").at(0).at("name"), "workloads/front");
  EXPECT_EQ(ctl.commands.describe({"io-0", "workloads/front"}), ExitCode::usage);
}

TEST_F(CommandsTest, DrainSaysHowItGoesOnlyToWhoWatches) {
  const auto held = daemon.run_loop_with(1, "io-0");
  held->connections = 0;
  EXPECT_EQ(ctl.commands.drain({"io-0"}, false), ExitCode::ok);
  EXPECT_EQ(ctl.out.str(), "io-0  STOPPED   drained\n");
  Ctl names(daemon.admin_target(), Format::name);
  EXPECT_EQ(names.commands.drain({"io-0"}, true), ExitCode::ok) << "at rest already";
  EXPECT_EQ(names.out.str(), "loops/io-0\n");
}

TEST_F(CommandsTest, ADrainThatCutsConnectionsIsASuccess) {
  const auto held = daemon.run_loop_with(2, "io-0");
  Client hasty(daemon.admin_target(), std::chrono::seconds(1));
  Commands commands(hasty, Format::table, false, ctl.out, ctl.err);
  EXPECT_EQ(commands.drain({"io-0"}, true), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), AllOf(HasSubstr("io-0  DRAINING  2 connections and 0 tasks left, cut in "),
                                   HasSubstr("io-0  STOPPED   drained, 2 connections cut as the time was over\n")));
}

TEST_F(CommandsTest, DrainEndsWorkloadsToo) {
  const auto held = daemon.run_loop_with(2, "io-0");
  EXPECT_EQ(ctl.commands.drain({"workloads/on-io-0", "io-0"}, true, std::chrono::milliseconds(300)), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), AllOf(HasSubstr("on-io-0  2 connections left (2 on io-0), cut in 0s\n"),
                                   HasSubstr("on-io-0  drained, 2 connections cut as the time was over\n"),
                                   HasSubstr("io-0  STOPPED   drained\n")));
  EXPECT_EQ(ctl.commands.drain({"workloads/on-io-0"}, false), ExitCode::not_found);
  EXPECT_THAT(ctl.err.str(), HasSubstr("(WORKLOAD_NOT_FOUND)"));
}

TEST_F(CommandsTest, ADrainIsALineOfJsonForEachMessage) {
  const auto held = daemon.run_loop_with(2, "io-0");
  Client hasty(daemon.admin_target(), std::chrono::seconds(1));
  Commands commands(hasty, Format::json, false, json.out, json.err);
  EXPECT_EQ(commands.drain({"io-0"}, false), ExitCode::ok);
  std::istringstream lines(json.out.str());
  std::string line;
  nlohmann::json last;
  int count = 0;
  for (; std::getline(lines, line); ++count) last = nlohmann::json::parse(line);
  EXPECT_GE(count, 2);
  EXPECT_EQ(last.at("outcome"), "DRAIN_OUTCOME_TIMEOUT");
  EXPECT_EQ(last.at("connections_cut"), "2");
}

TEST_F(CommandsTest, ADrainThatAStopCameBeforeIsAWrongState) {
  const auto held = daemon.run_loop_with(1, "io-0");
  ASSERT_EQ(ctl.commands.stop({"io-0"}), ExitCode::ok);
  EXPECT_EQ(ctl.commands.drain({"io-0"}, false), ExitCode::wrong_state);
  EXPECT_THAT(ctl.err.str(), HasSubstr("evloopctl: drain io-0: loop io-0 was stopped first and keeps its connections"));
  EXPECT_EQ(ctl.commands.drain({"nobody"}, false), ExitCode::not_found);
}

TEST_F(CommandsTest, ReplaceShowsTheFreshLoopAndTheOldOne) {
  daemon.run_loop("io-0");
  EXPECT_EQ(ctl.commands.replace("io-0", false), ExitCode::wrong_state);
  EXPECT_THAT(ctl.err.str(), AllOf(HasSubstr("evloopctl: replace io-0: loop io-0 is not stuck"),
                                   HasSubstr("(LOOP_NOT_STUCK)"), HasSubstr("evloopctl replace io-0 --force")));
  EXPECT_EQ(ctl.commands.replace("io-0", true), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), AllOf(HasSubstr("io-0    RUNNING"), HasSubstr("io-0~1  ")));
  EXPECT_EQ(json.commands.replace("io-0", true), ExitCode::ok);
  EXPECT_EQ(nlohmann::json::parse(json.out.str()).at("loop").at("name"), "loops/io-0");
  EXPECT_EQ(ctl.commands.replace("nobody", true), ExitCode::not_found);
}

TEST_F(CommandsTest, PsListsTheTasksOfAllLoopsUnlessToldWhich) {
  daemon.run_loop("io-0");
  daemon.run_loop("io-1");
  EXPECT_EQ(ctl.commands.list_tasks({}), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), HasSubstr("LOOP  ID  NAME"));
  EXPECT_EQ(ctl.commands.list_tasks({"nobody"}), ExitCode::not_found);
  EXPECT_EQ(ctl.commands.list_tasks({"io-0", "nobody"}), ExitCode::partly);
}

TEST_F(CommandsTest, StatusTellsAboutTheDaemon) {
  daemon.run_loop("io-0");
  EXPECT_EQ(ctl.commands.status(), ExitCode::ok);
  EXPECT_THAT(ctl.out.str(), AllOf(HasSubstr("edge-a"), HasSubstr("1 (1 RUNNING)")));
  EXPECT_EQ(json.commands.status(), ExitCode::ok);
  EXPECT_EQ(nlohmann::json::parse(json.out.str()).at("name"), "edge-a");
}

TEST_F(CommandsTest, TheObserversSocketIsDeniedChanges) {
  Ctl observer(daemon.observe_target());
  EXPECT_EQ(observer.commands.list_loops(), ExitCode::ok);
  EXPECT_EQ(observer.commands.create("io-0", {}, v1::SELECTOR_KIND_UNSPECIFIED), ExitCode::denied);
  EXPECT_THAT(observer.err.str(), HasSubstr("ROLE_TOO_LOW"));
}

TEST_F(CommandsTest, NobodyAtTheSocketCannotBeReached) {
  Ctl lost("unix:/nowhere/admin.sock");
  EXPECT_EQ(lost.commands.list_loops(), ExitCode::unreachable);
  EXPECT_THAT(lost.err.str(), HasSubstr("cannot reach the daemon at unix:/nowhere/admin.sock"));
  EXPECT_EQ(lost.commands.version(), ExitCode::ok) << "its own version needs no daemon";
}

}  // namespace
}  // namespace evloopd::ctl
