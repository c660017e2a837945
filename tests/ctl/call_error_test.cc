#include "ctl/call_error.h"

#include <gmock/gmock.h>

#include <string>

namespace evloopd::ctl {
namespace {

using testing::HasSubstr;

CallError error(const std::string& code, const std::string& reason = "") {
  return {.code = code, .reason = reason, .message = "it's \"so\"", .metadata = {{"loop", "io-0"}}};
}

TEST(ExitCode, FollowsTheCodeOfTheError) {
  EXPECT_EQ(exit_code(error("NOT_FOUND", "LOOP_NOT_FOUND")), ExitCode::not_found);
  EXPECT_EQ(exit_code(error("FAILED_PRECONDITION", "LOOP_CLOSED")), ExitCode::wrong_state);
  EXPECT_EQ(exit_code(error("ALREADY_EXISTS", "LOOP_EXISTS")), ExitCode::wrong_state);
  EXPECT_EQ(exit_code(error("ABORTED", "OPERATION_IN_PROGRESS")), ExitCode::wrong_state);
  EXPECT_EQ(exit_code(error("DEADLINE_EXCEEDED", "LOOP_STALLED")), ExitCode::timeout);
  EXPECT_EQ(exit_code(error("DEADLINE_EXCEEDED")), ExitCode::timeout);
  EXPECT_EQ(exit_code(error("UNAVAILABLE")), ExitCode::unreachable);
  EXPECT_EQ(exit_code(error("PERMISSION_DENIED", "ROLE_TOO_LOW")), ExitCode::denied);
  EXPECT_EQ(exit_code(error("UNAUTHENTICATED", "NO_IDENTITY")), ExitCode::denied);
  EXPECT_EQ(exit_code(error("INVALID_ARGUMENT", "BAD_ARGUMENT")), ExitCode::usage);
  EXPECT_EQ(exit_code(error("INVALID_ARGUMENT", "CONFIG_INVALID")), ExitCode::invalid_config);
  EXPECT_EQ(exit_code(error("INTERNAL", "INTERNAL")), ExitCode::other);
}

TEST(ExitCode, OfAFailedJobIsOneWhateverItsExceptionWas) {
  EXPECT_EQ(exit_code(error("DEADLINE_EXCEEDED", "JOB_FAILED")), ExitCode::other);
}

TEST(ExitCode, TheNumbersNeverChange) {
  EXPECT_EQ(static_cast<int>(ExitCode::ok), 0);
  EXPECT_EQ(static_cast<int>(ExitCode::other), 1);
  EXPECT_EQ(static_cast<int>(ExitCode::usage), 2);
  EXPECT_EQ(static_cast<int>(ExitCode::not_found), 3);
  EXPECT_EQ(static_cast<int>(ExitCode::wrong_state), 4);
  EXPECT_EQ(static_cast<int>(ExitCode::timeout), 5);
  EXPECT_EQ(static_cast<int>(ExitCode::unreachable), 6);
  EXPECT_EQ(static_cast<int>(ExitCode::denied), 7);
  EXPECT_EQ(static_cast<int>(ExitCode::partly), 8);
  EXPECT_EQ(static_cast<int>(ExitCode::invalid_config), 9);
}

TEST(Hint, NamesTheCommandToRunNext) {
  EXPECT_THAT(hint(error("FAILED_PRECONDITION", "LOOP_RUNNING"), "io-0"), HasSubstr("evloopctl stop io-0"));
  EXPECT_THAT(hint(error("DEADLINE_EXCEEDED", "JOB_TIMEOUT"), "io-0"), HasSubstr("--timeout"));
  EXPECT_THAT(hint(error("DEADLINE_EXCEEDED", "LOOP_STALLED"), "io-0"), HasSubstr("evloopctl describe io-0"));
  EXPECT_THAT(hint(error("DEADLINE_EXCEEDED", "STOP_TIMEOUT"), "io-0"), HasSubstr("replace io-0"));
  EXPECT_THAT(hint(error("FAILED_PRECONDITION", "LOOP_NOT_STUCK"), "io-0"), HasSubstr("replace io-0 --force"));
  EXPECT_THAT(hint(error("PERMISSION_DENIED", "ROLE_TOO_LOW"), "io-0"), HasSubstr("admin.sock"));
  EXPECT_THAT(hint(error("NOT_FOUND", "WORKLOAD_NOT_FOUND"), ""), HasSubstr("evloopctl workloads"));
  EXPECT_THAT(hint(error("UNAVAILABLE"), ""), HasSubstr("EVLOOPD_ADDR"));
  EXPECT_EQ(hint(error("INTERNAL", "INTERNAL"), ""), "");
}

TEST(CallError, IsJsonWithItsReason) {
  EXPECT_EQ(to_json(error("NOT_FOUND", "LOOP_NOT_FOUND")), R"({
  "error": {
    "code": "NOT_FOUND",
    "reason": "LOOP_NOT_FOUND",
    "message": "it's \"so\"",
    "metadata": {
      "loop": "io-0"
    }
  }
})");
}

}  // namespace
}  // namespace evloopd::ctl
