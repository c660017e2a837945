// The control plane over its sockets, before real loops.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "aio/event_loop.h"
#include "control/caller.h"
#include "control/test_daemon.h"

namespace evloopd::control {
namespace {

using namespace std::chrono_literals;
using control::testing::Caller;
using control::testing::in_background;
using control::testing::info_of;
using control::testing::metadata_of;
using control::testing::patience;
using control::testing::Pending;
using control::testing::reason_of;
using control::testing::TestDaemon;
using grpc::StatusCode;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class ControlService : public ::testing::Test {
 protected:
  v1::LoopState state_of(const std::string& loop) {
    v1::Loop answer;
    const auto status = admin.get(loop, answer);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return answer.state();
  }

  // A loop whose thread is held up by its job. The call ends when `daemon.block` opens.
  Pending hold_up(const std::string& loop) {
    EXPECT_TRUE(admin.create(loop).ok());
    auto pending = in_background([this, loop] { return admin.run(loop, "block", {}); });
    EXPECT_TRUE(daemon.block.wait_until_held());
    return pending;
  }

  TestDaemon daemon;
  Caller admin{daemon.admin_target()};
  Caller observer{daemon.observe_target()};
};

TEST_F(ControlService, LeadsALoopThroughItsLife) {
  ASSERT_TRUE(admin.create("io-0").ok());
  EXPECT_EQ(state_of("io-0"), v1::LOOP_STATE_CREATED);
  ASSERT_TRUE(admin.start("io-0").ok());
  EXPECT_EQ(state_of("io-0"), v1::LOOP_STATE_RUNNING);
  ASSERT_TRUE(admin.stop("io-0").ok());
  EXPECT_EQ(state_of("io-0"), v1::LOOP_STATE_STOPPED);
  ASSERT_TRUE(admin.start("io-0").ok()) << "a stopped loop starts again";
  ASSERT_TRUE(admin.stop("io-0").ok());
  ASSERT_TRUE(admin.close("io-0").ok());
  EXPECT_EQ(state_of("io-0"), v1::LOOP_STATE_CLOSED);
  EXPECT_TRUE(admin.close("io-0").ok()) << "closing is idempotent";
  ASSERT_TRUE(admin.remove("io-0").ok());
  v1::Loop gone;
  EXPECT_EQ(reason_of(admin.get("io-0", gone)), "LOOP_NOT_FOUND");
}

TEST_F(ControlService, AStuckLoopIsReplacedAndListedUnderAnotherNameUntilItComesFree) {
  const auto held = daemon.run_loop_with(2, "io-0");
  v1::ReplaceLoopRequest request;
  request.set_name("loops/io-0");
  v1::ReplaceLoopResponse answer;
  const auto replace = [&](Caller& caller) {
    return caller.call(caller.loops, &v1::LoopService::Stub::ReplaceLoop, request, answer);
  };
  EXPECT_EQ(metadata_of(replace(observer), "needed_role"), "operator");
  const auto refused = replace(admin);
  EXPECT_EQ(refused.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(reason_of(refused), "LOOP_NOT_STUCK");
  EXPECT_EQ(metadata_of(refused, "state"), "RUNNING");

  held->loop.load()->call_soon_threadsafe([this] { daemon.block.pass(); });
  ASSERT_TRUE(daemon.block.wait_until_held());
  const auto give_up = steady_clock::now() + patience;
  while (reason_of(replace(admin)) == "LOOP_NOT_STUCK" && steady_clock::now() < give_up) std::this_thread::yield();
  EXPECT_EQ(answer.loop().name(), "loops/io-0");
  EXPECT_EQ(answer.loop().state(), v1::LOOP_STATE_RUNNING);
  EXPECT_EQ(answer.replaced().name(), "loops/io-0~1");
  EXPECT_EQ(answer.replaced().state(), v1::LOOP_STATE_QUARANTINED);
  EXPECT_TRUE(answer.replaced().stalled());
  EXPECT_EQ(state_of("io-0~1"), v1::LOOP_STATE_QUARANTINED);
  EXPECT_EQ(admin.health_of("evloopd.loops/io-0"), "SERVING");
  EXPECT_EQ(admin.health_of("evloopd.loops/io-0~1"), "NOT_FOUND");
  v1::ListTasksRequest tasks;
  tasks.set_parent("loops/io-0~1");
  v1::ListTasksResponse page;
  EXPECT_TRUE(observer.call(observer.inspection, &v1::InspectionService::Stub::ListTasks, tasks, page).ok());

  daemon.block.open();
  v1::Loop gone;
  while (admin.get("io-0~1", gone).ok() && steady_clock::now() < give_up) std::this_thread::yield();
  EXPECT_EQ(reason_of(admin.get("io-0~1", gone)), "LOOP_NOT_FOUND") << "it goes by itself";
  std::vector<std::string> outcomes;
  for (const auto& record : daemon.audit()) outcomes.push_back(record.method + ' ' + record.outcome);
  EXPECT_THAT(outcomes, AllOf(Contains("ReplaceLoop ROLE_TOO_LOW"), Contains("ReplaceLoop LOOP_NOT_STUCK"),
                              Contains("ReplaceLoop OK")));
}

TEST_F(ControlService, AnErrorHasACodeAReasonAndTheValues) {
  ASSERT_TRUE(admin.create("io-0").ok());
  ASSERT_TRUE(admin.start("io-0").ok());
  const auto status = admin.close("io-0");
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("io-0"));
  const auto info = info_of(status);
  EXPECT_EQ(info.reason(), "LOOP_RUNNING");
  EXPECT_EQ(info.domain(), "evloopd");
}

TEST_F(ControlService, AResourceNameThatIsNoneIsABadArgument) {
  v1::GetLoopRequest request;
  request.set_name("io-0");
  v1::Loop answer;
  const auto status = admin.call(admin.loops, &v1::LoopService::Stub::GetLoop, request, answer);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(metadata_of(status, "field"), "name");
  EXPECT_EQ(metadata_of(status, "given"), "io-0");
}

TEST_F(ControlService, ListsLoopsInPages) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(admin.create(fmt::format("io-{}", i)).ok());
  v1::ListLoopsRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  std::vector<int> sizes;
  do {
    v1::ListLoopsResponse page;
    ASSERT_TRUE(observer.call(observer.loops, &v1::LoopService::Stub::ListLoops, request, page).ok());
    sizes.push_back(page.loops_size());
    for (const auto& loop : page.loops()) names.push_back(loop.name());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
  EXPECT_THAT(names, ElementsAre("loops/io-0", "loops/io-1", "loops/io-2", "loops/io-3", "loops/io-4"));
}

TEST_F(ControlService, AJobAnswersWithItsResult) {
  ASSERT_TRUE(admin.create("io-0").ok());
  std::string result;
  const auto status = admin.run("io-0", "echo", {{"text", "hello"}}, &result);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(result, "hello");
}

TEST_F(ControlService, AJobsExceptionIsTheErrorJobFailed) {
  ASSERT_TRUE(admin.create("io-0").ok());
  const auto status = admin.run("io-0", "fail", {{"message", "out of cheese"}});
  EXPECT_EQ(status.error_code(), StatusCode::UNKNOWN);
  EXPECT_THAT(status.error_message(), HasSubstr("out of cheese"));
  EXPECT_EQ(reason_of(status), "JOB_FAILED");
}

TEST_F(ControlService, ACallerThatGivesUpCancelsItsJob) {
  ASSERT_TRUE(admin.create("io-0").ok());
  grpc::ClientContext context;
  auto pending = in_background([&] {
    v1::RunUntilCompleteResponse answer;
    return admin.loops.RunUntilComplete(&context, Caller::job("io-0", "forever"), &answer);
  });
  const auto give_up = steady_clock::now() + patience;
  while (state_of("io-0") != v1::LOOP_STATE_RUNNING && steady_clock::now() < give_up) std::this_thread::yield();
  ASSERT_EQ(state_of("io-0"), v1::LOOP_STATE_RUNNING);
  context.TryCancel();
  EXPECT_EQ(pending.get().error_code(), StatusCode::CANCELLED);
  while (state_of("io-0") == v1::LOOP_STATE_RUNNING && steady_clock::now() < give_up) std::this_thread::yield();
  std::string result;
  EXPECT_TRUE(admin.run("io-0", "echo", {{"text", "free"}}, &result).ok());
  EXPECT_EQ(result, "free");
}

TEST_F(ControlService, ABlockedLoopAnswersGetLoopAtOnceAndStopLoopByItsDeadline) {
  auto held = hold_up("io-0");
  const auto begin = steady_clock::now();
  const auto stop = admin.stop("io-0", 500ms);
  const auto took = steady_clock::now() - begin;
  EXPECT_EQ(stop.error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(reason_of(stop), "STOP_TIMEOUT") << "the answer comes before the caller gives up";
  EXPECT_THAT(stop.error_message(), ContainsRegex("held up by task .* at .*test_daemon.cc:[0-9]+"));
  EXPECT_THAT(metadata_of(stop, "site"), ContainsRegex("test_daemon.cc:[0-9]+"));
  EXPECT_GE(took, 400ms);

  v1::Loop answer;
  const auto asked = steady_clock::now();
  ASSERT_TRUE(admin.get("io-0", answer).ok());
  EXPECT_LT(steady_clock::now() - asked, 2s);
  EXPECT_TRUE(answer.has_current_callback());
  daemon.block.open();
  static_cast<void>(held.get());
}

TEST_F(ControlService, ManyStopsOfABlockedLoopLeaveRoomForReadsAndForOtherLoops) {
  auto held = hold_up("io-0");
  std::vector<Pending> stops;
  for (int i = 0; i < 100; ++i) stops.push_back(in_background([this] { return admin.stop("io-0", patience); }));
  // 15 of them wait beside the job, which does too; the others are turned away at once.
  const auto give_up = steady_clock::now() + patience;
  const auto turned_away = [&] {
    return std::ranges::count_if(stops, [](auto& stop) { return stop.wait_for(0s) == std::future_status::ready; });
  };
  while (turned_away() < 85 && steady_clock::now() < give_up) std::this_thread::yield();
  ASSERT_EQ(turned_away(), 85);
  const auto one_more = admin.stop("io-0");
  EXPECT_EQ(one_more.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(one_more.error_message(), HasSubstr("16 calls wait for loops/io-0"));
  for (int i = 0; i < 20; ++i) {
    const auto asked = steady_clock::now();
    v1::Loop answer;
    EXPECT_TRUE(admin.get("io-0", answer).ok());
    EXPECT_LT(steady_clock::now() - asked, 2s);
  }
  ASSERT_TRUE(admin.create("io-1").ok()) << "other loops are free";
  EXPECT_TRUE(admin.start("io-1").ok());
  EXPECT_TRUE(admin.stop("io-1").ok());
  daemon.block.open();
  static_cast<void>(held.get());
  for (auto& stop : stops) {
    const auto status = stop.get();
    EXPECT_TRUE(status.ok() || reason_of(status) == "TOO_MANY_CALLS") << status.error_message();
  }
}

TEST_F(ControlService, WhoeverComesByTheObserversSocketReadsAndChangesNothing) {
  ASSERT_TRUE(admin.create("io-0").ok());
  v1::Loop loop;
  EXPECT_TRUE(observer.get("io-0", loop).ok());

  const auto stop = observer.stop("io-0");
  EXPECT_EQ(stop.error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(reason_of(stop), "ROLE_TOO_LOW");
  EXPECT_EQ(metadata_of(stop, "needed_role"), "operator");
  EXPECT_EQ(metadata_of(stop, "role"), "observer");

  const auto create = observer.create("io-1");
  EXPECT_EQ(metadata_of(create, "needed_role"), "admin");
  for (const auto& status :
       {observer.start("io-0"), observer.close("io-0"), observer.remove("io-0"), observer.run("io-0", "echo", {})})
    EXPECT_EQ(reason_of(status), "ROLE_TOO_LOW");
  EXPECT_EQ(state_of("io-0"), v1::LOOP_STATE_CREATED);
}

TEST_F(ControlService, EveryChangeAllowedOrRefusedIsAudited) {
  ASSERT_TRUE(admin.create("io-0").ok());
  static_cast<void>(admin.start("nobody"));
  static_cast<void>(observer.stop("io-0"));
  v1::Loop loop;
  static_cast<void>(admin.get("io-0", loop));

  const auto records = daemon.audit();
  ASSERT_EQ(records.size(), 3U) << "reads are not changes";
  const auto us = fmt::format("uid={} gid={} pid={}", ::getuid(), ::getgid(), ::getpid());
  EXPECT_EQ(records[0].method, "CreateLoop");
  EXPECT_EQ(records[0].resource, "loops/io-0");
  EXPECT_EQ(records[0].outcome, "OK");
  EXPECT_EQ(records[0].role, Role::admin);
  EXPECT_EQ(records[0].peer, us);
  EXPECT_EQ(records[1].method, "StartLoop");
  EXPECT_EQ(records[1].outcome, "LOOP_NOT_FOUND");
  EXPECT_THAT(records[1].message, HasSubstr("nobody"));
  EXPECT_EQ(records[2].method, "StopLoop");
  EXPECT_EQ(records[2].outcome, "ROLE_TOO_LOW");
  EXPECT_EQ(records[2].role, Role::observer);
  EXPECT_EQ(records[2].peer, us);
}

TEST_F(ControlService, TellsAboutTheDaemon) {
  ASSERT_TRUE(admin.create("io-0").ok());
  v1::Daemon answer;
  ASSERT_TRUE(observer.call(observer.daemon, &v1::DaemonService::Stub::GetDaemon, v1::GetDaemonRequest(), answer).ok());
  EXPECT_EQ(answer.name(), "edge-a");
  EXPECT_EQ(answer.version(), "1.2.3");
  EXPECT_EQ(answer.pid(), ::getpid());
  EXPECT_EQ(answer.start_time().seconds(), 1'700'000'000);
  EXPECT_EQ(answer.config_path(), "/etc/evloopd/evloopd.yaml");
  EXPECT_EQ(answer.loop_count(), 1U);
  EXPECT_EQ(answer.fd_limit(), 1024U);
  EXPECT_THAT(answer.job_kinds(), UnorderedElementsAre("echo", "fail", "block", "forever"));
}

TEST_F(ControlService, ListsNoWorkloadsWhenThereAreNone) {
  v1::ListWorkloadsResponse answer;
  ASSERT_TRUE(
      observer.call(observer.workloads, &v1::WorkloadService::Stub::ListWorkloads, v1::ListWorkloadsRequest(), answer)
          .ok());
  EXPECT_THAT(answer.workloads(), IsEmpty());
}

TEST_F(ControlService, ListsTheTaskThatHoldsUpItsLoop) {
  auto held = hold_up("io-0");
  v1::ListTasksRequest request;
  request.set_parent("loops/io-0");
  v1::ListTasksResponse answer;
  ASSERT_TRUE(observer.call(observer.inspection, &v1::InspectionService::Stub::ListTasks, request, answer).ok());
  ASSERT_EQ(answer.tasks_size(), 1);
  EXPECT_EQ(answer.tasks(0).state(), v1::TASK_STATE_RUNNING);
  EXPECT_EQ(answer.tasks(0).name(), fmt::format("loops/io-0/tasks/{}", answer.tasks(0).id()));
  EXPECT_GT(answer.snapshot_time().seconds(), 0);
  daemon.block.open();
  static_cast<void>(held.get());

  request.set_parent("loops/nobody");
  const auto status = observer.call(observer.inspection, &v1::InspectionService::Stub::ListTasks, request, answer);
  EXPECT_EQ(reason_of(status), "LOOP_NOT_FOUND");
}

TEST_F(ControlService, HealthOfALoopFollowsItsState) {
  EXPECT_EQ(observer.health_of("evloopd.loops/io-0"), "NOT_FOUND");
  ASSERT_TRUE(admin.create("io-0").ok());
  ASSERT_TRUE(admin.start("io-0").ok());
  EXPECT_EQ(observer.health_of("evloopd.loops/io-0"), "SERVING");
  EXPECT_EQ(admin.health_of("evloopd.loops/io-0"), "SERVING");
  ASSERT_TRUE(admin.stop("io-0").ok());
  EXPECT_EQ(observer.health_of("evloopd.loops/io-0"), "NOT_SERVING");
}

// A client of Health.Watch. Gone with its end.
class Watch {
 public:
  Watch(Caller& caller, const std::string& service) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    stream_ = caller.health.Watch(&context_, request);
  }
  ~Watch() { context_.TryCancel(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // SERVING and so on, or the reason why it ended.
  std::string next() {
    grpc::health::v1::HealthCheckResponse answer;
    if (stream_->Read(&answer)) return grpc::health::v1::HealthCheckResponse::ServingStatus_Name(answer.status());
    const auto status = stream_->Finish();
    const auto reason = reason_of(status);
    return reason.empty() ? status.error_message() : reason;
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<grpc::health::v1::HealthCheckResponse>> stream_;
};

TEST_F(ControlService, AWatcherOfHealthHearsOfChangesOnly) {
  ASSERT_TRUE(admin.create("io-0").ok());
  ASSERT_TRUE(admin.start("io-0").ok());
  Watch watch(observer, "evloopd.loops/io-0");
  EXPECT_EQ(watch.next(), "SERVING");
  ASSERT_TRUE(admin.stop("io-0").ok());  // through STOPPING to STOPPED
  EXPECT_EQ(watch.next(), "NOT_SERVING");
  ASSERT_TRUE(admin.start("io-0").ok());  // through STARTING to RUNNING
  EXPECT_EQ(watch.next(), "SERVING");
}

TEST_F(ControlService, AWatcherHearsWhenWhatItWatchesComesIntoBeing) {
  Watch watch(observer, "evloopd.loops/io-0");
  EXPECT_EQ(watch.next(), "SERVICE_UNKNOWN");
  ASSERT_TRUE(admin.create("io-0").ok());
  EXPECT_EQ(watch.next(), "NOT_SERVING");
}

TEST_F(ControlService, WatchersAreLimitedAndLeaveRoomForTheNextWhenTheyGo) {
  std::vector<std::unique_ptr<Watch>> watches;
  const auto watch_one_more = [&] {
    watches.push_back(std::make_unique<Watch>(observer, ""));
    return watches.back()->next();
  };
  for (int i = 0; i < 16; ++i) ASSERT_EQ(watch_one_more(), "SERVING");
  EXPECT_EQ(watch_one_more(), "TOO_MANY_CALLS");
  EXPECT_EQ(observer.health_of(""), "SERVING") << "others are answered all the same";
  watches.clear();
  const auto give_up = steady_clock::now() + patience;
  while (watch_one_more() != "SERVING" && steady_clock::now() < give_up) watches.clear();
  EXPECT_EQ(watches.size(), 1U);
}

TEST_F(ControlService, HealthOfTheDaemonIsServingUntilItIsToldOtherwise) {
  EXPECT_EQ(observer.health_of(""), "SERVING");
  daemon.control.set_serving(false);
  EXPECT_EQ(observer.health_of(""), "NOT_SERVING");
  EXPECT_EQ(admin.health_of(""), "NOT_SERVING");
}

TEST_F(ControlService, StopReturnsSoonAndNamesTheCallsThatALoopHoldsUp) {
  auto held = hold_up("io-0");
  auto stop = in_background([this] { return admin.stop("io-0", patience); });
  const auto give_up = steady_clock::now() + patience;
  v1::Loop answer;
  while (answer.state() != v1::LOOP_STATE_STOPPING && steady_clock::now() < give_up)
    static_cast<void>(observer.get("io-0", answer));
  ASSERT_EQ(answer.state(), v1::LOOP_STATE_STOPPING) << "the call has arrived";
  const auto begin = steady_clock::now();
  EXPECT_THAT(daemon.control.stop(100ms), Contains("StopLoop loops/io-0"));
  EXPECT_LT(steady_clock::now() - begin, 5s);
  daemon.block.open();
  EXPECT_THAT(daemon.control.stop(patience), IsEmpty()) << "once the loop is free they end";
  static_cast<void>(held.get());
  static_cast<void>(stop.get());
}

TEST_F(ControlService, StopEndsOpenStreamsAndRemovesTheSockets) {
  Watch watch(observer, "");
  ASSERT_EQ(watch.next(), "SERVING");
  EXPECT_THAT(daemon.control.stop(5s), IsEmpty());
  EXPECT_EQ(watch.next(), "the watch has ended");
  EXPECT_FALSE(std::filesystem::exists(daemon.admin_target().substr(5)));
  EXPECT_FALSE(std::filesystem::exists(daemon.observe_target().substr(5)));
}

}  // namespace
}  // namespace evloopd::control
