#include "ctl/call_error.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace evloopd::ctl {

ExitCode exit_code(const CallError& error) {
  if (error.reason == "JOB_FAILED")
    return ExitCode::other;  // whatever code its exception has: the call itself went well
  if (error.reason == "CONFIG_INVALID") return ExitCode::invalid_config;
  if (error.code == "NOT_FOUND") return ExitCode::not_found;
  if (error.code == "ALREADY_EXISTS" || error.code == "FAILED_PRECONDITION" || error.code == "ABORTED")
    return ExitCode::wrong_state;
  if (error.code == "DEADLINE_EXCEEDED") return ExitCode::timeout;
  if (error.code == "UNAVAILABLE") return ExitCode::unreachable;
  if (error.code == "PERMISSION_DENIED" || error.code == "UNAUTHENTICATED") return ExitCode::denied;
  if (error.code == "INVALID_ARGUMENT") return ExitCode::usage;
  return ExitCode::other;
}

std::string hint(const CallError& error, const std::string& loop) {
  const auto& reason = error.reason;
  if (reason == "LOOP_NOT_FOUND") return "evloopctl ls lists the loops there are";
  if (reason == "WORKLOAD_NOT_FOUND") return "evloopctl workloads lists the workloads there are";
  if (reason == "LOOP_RUNNING") return fmt::format("evloopctl stop {} comes first", loop);
  if (reason == "LOOP_ALREADY_RUNNING") return fmt::format("evloopctl stop {}, or leave it running", loop);
  if (reason == "LOOP_CLOSED") return fmt::format("it cannot run again: evloopctl rm {}, then evloopctl create", loop);
  if (reason == "LOOP_EXISTS") return "choose another name, or close and rm that loop";
  if (reason == "JOB_TIMEOUT") return "--timeout gives it longer";
  if (reason == "LOOP_NOT_STUCK")
    return fmt::format("if it runs, evloopctl replace {} --force cuts its connections", loop);
  if (reason == "LOOP_STALLED" || reason == "STOP_TIMEOUT")
    return fmt::format("evloopctl describe {0} shows what it executes; --timeout waits longer, replace {0} does not",
                       loop);
  if (reason == "DRAIN_TIMEOUT") return "the same command watches it further; with a shorter --timeout it ends sooner";
  if (reason == "OPERATION_IN_PROGRESS") return "wait for the other call to end and try again";
  if (reason == "ROLE_TOO_LOW") return "connect to the daemon's admin.sock with --addr";
  if (reason == "DAEMON_SHUTTING_DOWN") return "the daemon takes no changes while it stops";
  if (reason == "TOO_MANY_CALLS") return "other calls wait for loops that do not answer; evloopctl ls shows which";
  if (!reason.empty()) return {};
  if (error.code == "UNAVAILABLE") return "is evloopd running? --addr or EVLOOPD_ADDR says where its socket is";
  if (error.code == "PERMISSION_DENIED") return "--addr with its observe.sock may be open to you";
  if (error.code == "DEADLINE_EXCEEDED") return "--timeout waits longer";
  return {};
}

std::string to_json(const CallError& error) {
  const nlohmann::ordered_json json = {
      {"error",
       {{"code", error.code}, {"reason", error.reason}, {"message", error.message}, {"metadata", error.metadata}}}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace evloopd::ctl
