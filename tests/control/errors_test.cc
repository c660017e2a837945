#include "control/errors.h"

#include <gmock/gmock.h>

#include <set>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace evloopd::control {
namespace {

using host::HostError;
using host::Reason;
using testing::MatchesRegex;
using testing::Pair;
using testing::UnorderedElementsAre;

HostError error(Reason reason, std::map<std::string, std::string> metadata = {}) {
  return {.reason = reason, .message = "loop 'io-0' is closed", .metadata = std::move(metadata)};
}

google::rpc::ErrorInfo info_of(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  EXPECT_EQ(details.details_size(), 1);
  EXPECT_TRUE(details.details(0).UnpackTo(&info));
  return info;
}

TEST(Errors, EveryReasonHasItsCode) {
  using enum grpc::StatusCode;
  EXPECT_EQ(code_of(error(Reason::loop_not_found)), NOT_FOUND);
  EXPECT_EQ(code_of(error(Reason::loop_exists)), ALREADY_EXISTS);
  EXPECT_EQ(code_of(error(Reason::loop_already_running)), FAILED_PRECONDITION);
  EXPECT_EQ(code_of(error(Reason::loop_running)), FAILED_PRECONDITION);
  EXPECT_EQ(code_of(error(Reason::loop_closed)), FAILED_PRECONDITION);
  EXPECT_EQ(code_of(error(Reason::loop_not_stuck)), FAILED_PRECONDITION);
  EXPECT_EQ(code_of(error(Reason::drain_timeout)), DEADLINE_EXCEEDED);
  EXPECT_EQ(code_of(error(Reason::loop_stopped_early)), ABORTED);
  EXPECT_EQ(code_of(error(Reason::loop_stalled)), DEADLINE_EXCEEDED);
  EXPECT_EQ(code_of(error(Reason::job_timeout)), DEADLINE_EXCEEDED);
  EXPECT_EQ(code_of(error(Reason::stop_timeout)), DEADLINE_EXCEEDED);
  EXPECT_EQ(code_of(error(Reason::operation_in_progress)), ABORTED);
  EXPECT_EQ(code_of(error(Reason::bad_argument)), INVALID_ARGUMENT);
  EXPECT_EQ(code_of(error(Reason::config_invalid)), INVALID_ARGUMENT);
  EXPECT_EQ(code_of(error(Reason::job_failed)), UNKNOWN);
  EXPECT_EQ(code_of(error(Reason::address_in_use)), FAILED_PRECONDITION);
  EXPECT_EQ(code_of(error(Reason::os_permission_denied)), PERMISSION_DENIED);
  EXPECT_EQ(code_of(error(Reason::fd_limit)), RESOURCE_EXHAUSTED);
  EXPECT_EQ(code_of(error(Reason::workload_exists)), ALREADY_EXISTS);
  EXPECT_EQ(code_of(error(Reason::workload_not_found)), NOT_FOUND);
  EXPECT_EQ(code_of(error(Reason::daemon_shutting_down)), UNAVAILABLE);
  EXPECT_EQ(code_of(error(Reason::internal)), INTERNAL);
}

TEST(Errors, EveryReasonHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Reason::internal); ++i) {
    const std::string name = host::reason_name(static_cast<Reason>(i));
    EXPECT_THAT(name, MatchesRegex("[A-Z][A-Z_]+[A-Z]"));
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(Errors, AJobsExceptionDecidesItsCode) {
  const auto code = [](const char* type) { return code_of(error(Reason::job_failed, {{"type", type}})); };
  EXPECT_EQ(code("TimeoutError"), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(code("CancelledError"), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(code("InvalidStateError"), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(code("ValueError"), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code("ConnectionRefusedError"), grpc::StatusCode::UNKNOWN) << "UNAVAILABLE would be the daemon";
  EXPECT_EQ(code("std::invalid_argument"), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code("std::bad_alloc"), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(code("std::runtime_error"), grpc::StatusCode::UNKNOWN);
}

TEST(Errors, AStatusCarriesReasonAndMetadata) {
  const auto status = to_status(error(Reason::loop_closed, {{"loop", "io-0"}, {"state", "CLOSED"}}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "loop 'io-0' is closed");
  const auto info = info_of(status);
  EXPECT_EQ(info.reason(), "LOOP_CLOSED");
  EXPECT_EQ(info.domain(), "evloopd");
  EXPECT_THAT(info.metadata(), UnorderedElementsAre(Pair("loop", "io-0"), Pair("state", "CLOSED")));
}

TEST(Errors, WhatAJobThrowsFitsIntoATrailer) {
  const auto status = to_status({.reason = Reason::job_failed,
                                 .message = std::string(100'000, '\xff'),
                                 .metadata = {{"message", std::string(100'000, 'x')}}});
  // Every byte of the sentence may take three on its way.
  EXPECT_LT(3 * status.error_message().size() + status.error_details().size(), 8192U - 2048);
  EXPECT_EQ(info_of(status).reason(), "JOB_FAILED");
}

}  // namespace
}  // namespace evloopd::control
