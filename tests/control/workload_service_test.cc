// WorkloadService over the daemon's sockets.

#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/caller.h"
#include "control/test_daemon.h"

namespace evloopd::control {
namespace {

using control::testing::Caller;
using control::testing::metadata_of;
using control::testing::reason_of;
using control::testing::TestDaemon;
using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// One call of DrainWorkload.
class Drain {
 public:
  explicit Drain(Caller& caller, const std::string& name, std::optional<int> seconds = {},
                 std::chrono::seconds deadline = control::testing::patience) {
    context_.set_deadline(std::chrono::system_clock::now() + deadline);
    v1::DrainWorkloadRequest request;
    request.set_name(name);
    if (seconds) request.mutable_timeout()->set_seconds(*seconds);
    stream_ = caller.workloads.DrainWorkload(&context_, request);
  }

  // The next message; one without a name when there is none.
  v1::WorkloadDrainProgress next() {
    v1::WorkloadDrainProgress progress;
    stream_->Read(&progress);
    return progress;
  }
  v1::WorkloadDrainProgress last() {
    v1::WorkloadDrainProgress progress;
    while (stream_->Read(&progress)) {
    }
    return progress;
  }
  grpc::Status finish() { return stream_->Finish(); }
  void cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WorkloadDrainProgress>> stream_;
};

class WorkloadServiceTest : public ::testing::Test {
 protected:
  WorkloadServiceTest() {
    daemon.run_loop("io-0");
    daemon.forward("front", "io-0");
  }

  grpc::Status get(const std::string& name, v1::Workload& answer) {
    v1::GetWorkloadRequest request;
    request.set_name(name);
    return observer.call(observer.workloads, &v1::WorkloadService::Stub::GetWorkload, request, answer);
  }
  grpc::Status set(Caller& caller, const v1::SetUpstreamsRequest& request, v1::Workload& answer) {
    return caller.call(caller.workloads, &v1::WorkloadService::Stub::SetUpstreams, request, answer);
  }
  static v1::SetUpstreamsRequest to(const std::string& workload, const std::vector<std::string>& addresses) {
    v1::SetUpstreamsRequest request;
    request.set_name("workloads/" + workload);
    for (const auto& address : addresses) request.add_upstreams()->set_address(address);
    return request;
  }

  TestDaemon daemon;
  Caller admin{daemon.admin_target()};
  Caller observer{daemon.observe_target()};
};

TEST_F(WorkloadServiceTest, TellsAllAboutAWorkload) {
  v1::Workload workload;
  ASSERT_TRUE(set(admin, to("front", {"10.0.0.1:80"}), workload).ok());
  workload.Clear();
  ASSERT_TRUE(get("workloads/front", workload).ok());
  EXPECT_EQ(workload.name(), "workloads/front");
  EXPECT_EQ(workload.kind(), "test.forwarder");
  EXPECT_THAT(workload.loops(), ElementsAre("loops/io-0"));
  ASSERT_EQ(workload.ends_size(), 2);
  EXPECT_EQ(workload.ends(0).reason(), "done");
  EXPECT_EQ(workload.ends(0).count(), 7U);
  EXPECT_GT(workload.snapshot_time().seconds(), 0);
  ASSERT_EQ(workload.upstreams().upstreams_size(), 1);
  const auto& upstream = workload.upstreams().upstreams(0);
  EXPECT_EQ(upstream.name(), "10.0.0.1:80");
  EXPECT_EQ(upstream.weight(), 1) << "when none is given";
  ASSERT_EQ(upstream.endpoints_size(), 1);
  EXPECT_EQ(upstream.endpoints(0).state(), v1::UPSTREAM_STATE_DOWN);
  ASSERT_EQ(upstream.endpoints(0).history_size(), 1);
  EXPECT_EQ(upstream.endpoints(0).history(0).time().seconds(), 100);
  EXPECT_EQ(upstream.endpoints(0).history(0).reason(), "refused");
}

TEST_F(WorkloadServiceTest, AWorkloadWithoutUpstreamsSaysSoByTheirAbsence) {
  daemon.run_loop_with(1, "io-1");
  v1::Workload workload;
  ASSERT_TRUE(get("workloads/on-io-1", workload).ok());
  EXPECT_FALSE(workload.has_upstreams());
  const auto refused = set(admin, to("on-io-1", {"10.0.0.1:80"}), workload);
  EXPECT_EQ(reason_of(refused), "BAD_ARGUMENT");
  EXPECT_EQ(metadata_of(refused, "field"), "workload");
}

TEST_F(WorkloadServiceTest, ListsWorkloadsInPages) {
  daemon.forward("back", "io-0");
  v1::ListWorkloadsRequest request;
  request.set_page_size(1);
  std::vector<std::string> names;
  do {
    v1::ListWorkloadsResponse page;
    ASSERT_TRUE(observer.call(observer.workloads, &v1::WorkloadService::Stub::ListWorkloads, request, page).ok());
    for (const auto& workload : page.workloads()) names.push_back(workload.name());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("workloads/back", "workloads/front"));
}

TEST_F(WorkloadServiceTest, ANewListIsInTheAnswer) {
  auto request = to("front", {"10.0.0.1:80", "10.0.0.2:80"});
  request.mutable_upstreams(0)->set_weight(3);
  request.mutable_upstreams(1)->set_backup(true);
  request.add_upstreams()->set_dns("app.internal:80");
  v1::Workload workload;
  ASSERT_TRUE(set(admin, request, workload).ok());
  const auto& upstreams = workload.upstreams().upstreams();
  ASSERT_EQ(upstreams.size(), 3);
  EXPECT_EQ(upstreams.at(0).weight(), 3);
  EXPECT_TRUE(upstreams.at(1).backup());
  EXPECT_EQ(upstreams.at(2).name(), "app.internal:80");
  ASSERT_TRUE(set(admin, to("front", {}), workload).ok());
  EXPECT_THAT(workload.upstreams().upstreams(), IsEmpty());
}

TEST_F(WorkloadServiceTest, AWrongListIsABadArgumentThatNamesTheField) {
  auto request = to("front", {"10.0.0.1:80"});
  request.mutable_upstreams(0)->set_weight(300);
  v1::Workload workload;
  const auto status = set(admin, request, workload);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(reason_of(status), "BAD_ARGUMENT");
  EXPECT_EQ(metadata_of(status, "field"), "upstreams[0].weight");
  EXPECT_EQ(metadata_of(status, "given"), "300");
}

TEST_F(WorkloadServiceTest, AnUnknownWorkloadIsNotFound) {
  v1::Workload workload;
  EXPECT_EQ(reason_of(get("workloads/nobody", workload)), "WORKLOAD_NOT_FOUND");
  EXPECT_EQ(set(admin, to("nobody", {}), workload).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(metadata_of(get("front", workload), "allowed"), "workloads/{workload}");
}

TEST_F(WorkloadServiceTest, SetUpstreamsIsForOperatorsAndAudited) {
  v1::Workload workload;
  EXPECT_EQ(metadata_of(set(observer, to("front", {}), workload), "needed_role"), "operator");
  EXPECT_TRUE(set(admin, to("front", {}), workload).ok());
  const auto records = daemon.audit();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].outcome, "ROLE_TOO_LOW");
  EXPECT_EQ(records[1].method, "SetUpstreams");
  EXPECT_EQ(records[1].resource, "workloads/front");
  EXPECT_EQ(records[1].outcome, "OK");
}

TEST_F(WorkloadServiceTest, ADrainTellsWhatIsLeftUntilTheWorkloadIsGone) {
  const auto held = daemon.run_loop_with(2, "io-1");
  Drain drain(admin, "workloads/on-io-1");
  const auto first = drain.next();
  EXPECT_EQ(first.name(), "workloads/on-io-1");
  EXPECT_EQ(first.connections_left(), 2U);
  ASSERT_EQ(first.loops_size(), 1);
  EXPECT_EQ(first.loops(0).loop(), "loops/io-1");
  EXPECT_EQ(first.loops(0).connections_left(), 2U);
  EXPECT_GT(first.deadline().seconds(), first.snapshot_time().seconds());
  v1::Workload workload;
  EXPECT_EQ(reason_of(get("workloads/on-io-1", workload)), "WORKLOAD_NOT_FOUND");
  held->connections = 0;
  const auto last = drain.last();
  EXPECT_EQ(last.outcome(), v1::WORKLOAD_DRAIN_OUTCOME_DRAINED);
  EXPECT_EQ(last.connections_cut(), 0U);
  EXPECT_EQ(last.loops_size(), 0);
  EXPECT_TRUE(drain.finish().ok());
  EXPECT_EQ(held->drained, 1);
}

TEST_F(WorkloadServiceTest, ADrainCutsWhatIsLeftWhenItsTimeIsOver) {
  const auto held = daemon.run_loop_with(2, "io-1");
  Drain drain(admin, "workloads/on-io-1", 0);
  const auto last = drain.last();
  EXPECT_EQ(last.outcome(), v1::WORKLOAD_DRAIN_OUTCOME_TIMEOUT);
  EXPECT_EQ(last.connections_cut(), 2U);
  EXPECT_TRUE(drain.finish().ok());
  EXPECT_EQ(held->connections, 0U);
}

TEST_F(WorkloadServiceTest, ADrainGoesOnWhenItsCallerGoesAndCanBeJoined) {
  const auto held = daemon.run_loop_with(1, "io-1");
  Drain drain(admin, "workloads/on-io-1");
  EXPECT_EQ(drain.next().connections_left(), 1U);
  drain.cancel();
  EXPECT_EQ(drain.finish().error_code(), StatusCode::CANCELLED);
  Drain hasty(admin, "workloads/on-io-1", {}, std::chrono::seconds(1));
  EXPECT_EQ(hasty.last().outcome(), v1::WORKLOAD_DRAIN_OUTCOME_UNSPECIFIED);
  const auto status = hasty.finish();
  EXPECT_EQ(status.error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(reason_of(status), "DRAIN_TIMEOUT");
  EXPECT_EQ(metadata_of(status, "connections"), "1");
  Drain again(admin, "workloads/on-io-1");
  EXPECT_EQ(again.next().connections_left(), 1U);
  held->connections = 0;
  EXPECT_EQ(again.last().outcome(), v1::WORKLOAD_DRAIN_OUTCOME_DRAINED);
  EXPECT_EQ(held->drained, 1);
}

TEST_F(WorkloadServiceTest, ADrainIsForOperatorsAndAudited) {
  const auto refusal = [](Caller& caller, const std::string& name, std::optional<int> seconds = {}) {
    Drain drain(caller, name, seconds);
    drain.last();
    return drain.finish();
  };
  EXPECT_EQ(metadata_of(refusal(observer, "workloads/front"), "needed_role"), "operator");
  EXPECT_EQ(reason_of(refusal(admin, "workloads/nobody")), "WORKLOAD_NOT_FOUND");
  EXPECT_EQ(metadata_of(refusal(admin, "front"), "field"), "name");
  EXPECT_EQ(metadata_of(refusal(admin, "workloads/front", -1), "field"), "timeout");
  EXPECT_EQ(metadata_of(refusal(admin, "workloads/front", 24 * 3600 + 1), "allowed"), "0s to 24h");
  EXPECT_TRUE(refusal(admin, "workloads/front").ok());
  std::vector<std::string> outcomes;
  for (const auto& record : daemon.audit()) outcomes.push_back(record.method + ' ' + record.outcome);
  EXPECT_THAT(outcomes, ElementsAre("DrainWorkload ROLE_TOO_LOW", "DrainWorkload WORKLOAD_NOT_FOUND",
                                    "DrainWorkload BAD_ARGUMENT", "DrainWorkload BAD_ARGUMENT",
                                    "DrainWorkload BAD_ARGUMENT", "DrainWorkload OK"));
}

class FaultsServiceTest : public WorkloadServiceTest {
 protected:
  FaultsServiceTest() {
    request.set_name("workloads/front");
    request.mutable_faults()->mutable_latency()->set_nanos(20'000'000);
    request.mutable_ttl()->set_seconds(60);
  }
  grpc::Status set_faults(Caller& caller) {
    workload.Clear();
    return caller.call(caller.workloads, &v1::WorkloadService::Stub::SetFaults, request, workload);
  }

  v1::SetFaultsRequest request;
  v1::Workload workload;
};

TEST_F(FaultsServiceTest, WhatIsSetIsInTheAnswer) {
  auto& faults = *request.mutable_faults();
  faults.set_seed(7);
  faults.set_direction(v1::FAULT_DIRECTION_TO_CLIENT);
  faults.mutable_jitter()->set_nanos(5'000'000);
  faults.set_bandwidth(1000);
  faults.set_slice_size(7);
  faults.mutable_slice_delay()->set_seconds(1);
  faults.set_blackhole(true);
  faults.set_reset_bytes(10);
  faults.mutable_reset_time()->set_seconds(2);
  ASSERT_TRUE(set_faults(admin).ok());
  faults.set_percent(100);  // when none is given
  EXPECT_EQ(workload.faults().in_force().ShortDebugString(), faults.ShortDebugString());
  EXPECT_EQ(workload.faults().expire_time().seconds(), 160);
  EXPECT_EQ(workload.faults().connections_total(), 3U);
}

TEST_F(FaultsServiceTest, WithoutFaultsTheConfiguredOnesAreBack) {
  ASSERT_TRUE(set_faults(admin).ok());
  request.clear_faults();
  EXPECT_EQ(metadata_of(set_faults(admin), "field"), "ttl") << "which is of no use";
  request.clear_ttl();
  ASSERT_TRUE(set_faults(admin).ok());
  EXPECT_TRUE(workload.has_faults());
  EXPECT_FALSE(workload.faults().has_in_force());
  EXPECT_FALSE(workload.faults().has_expire_time());
}

TEST_F(FaultsServiceTest, AWrongValueIsABadArgumentThatNamesTheField) {
  request.mutable_faults()->mutable_latency()->set_seconds(315'576'000'000);  // the longest there is
  auto status = set_faults(admin);
  EXPECT_EQ(reason_of(status), "BAD_ARGUMENT");
  EXPECT_EQ(metadata_of(status, "field"), "faults.latency");
  request.mutable_faults()->clear_latency();
  request.mutable_faults()->set_direction(static_cast<v1::FaultDirection>(9));
  status = set_faults(admin);
  EXPECT_EQ(metadata_of(status, "field"), "faults.direction");
  EXPECT_EQ(metadata_of(status, "given"), "9");
}

TEST_F(FaultsServiceTest, AWorkloadThatCannotHaveFaultsSaysSoByTheirAbsence) {
  daemon.run_loop_with(1, "io-1");
  ASSERT_TRUE(get("workloads/on-io-1", workload).ok());
  EXPECT_FALSE(workload.has_faults());
  request.set_name("workloads/on-io-1");
  EXPECT_EQ(metadata_of(set_faults(admin), "field"), "workload");
  request.set_name("workloads/nobody");
  EXPECT_EQ(reason_of(set_faults(admin)), "WORKLOAD_NOT_FOUND");
}

TEST_F(FaultsServiceTest, AreForAdminsAndAudited) {
  EXPECT_EQ(metadata_of(set_faults(observer), "needed_role"), "admin");
  EXPECT_TRUE(set_faults(admin).ok());
  const auto records = daemon.audit();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].outcome, "ROLE_TOO_LOW");
  EXPECT_EQ(records[1].method, "SetFaults");
  EXPECT_EQ(records[1].resource, "workloads/front");
  EXPECT_EQ(records[1].outcome, "OK");
}

}  // namespace
}  // namespace evloopd::control
