// WorkloadService over the daemon's sockets.

#include <gmock/gmock.h>

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

}  // namespace
}  // namespace evloopd::control
