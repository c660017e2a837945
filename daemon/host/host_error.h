#pragma once

#include <expected>
#include <map>
#include <string>
#include <system_error>

namespace evloopd::host {

// Why the host refused or failed. Stable: control/ maps each to one gRPC code and one UPPER_SNAKE reason.
enum class Reason {
  loop_not_found,
  loop_exists,
  loop_already_running,
  loop_running,
  loop_closed,
  loop_not_stuck,
  loop_stopped_early,
  loop_stalled,
  job_timeout,
  stop_timeout,
  drain_timeout,
  operation_in_progress,
  bad_argument,
  config_invalid,
  job_failed,
  address_in_use,
  os_permission_denied,
  fd_limit,
  workload_exists,
  workload_not_found,
  daemon_shutting_down,
  internal,
};

// `LOOP_NOT_FOUND` and so on: the reason as it appears in the API.
[[nodiscard]] const char* reason_name(Reason reason) noexcept;

// A refused or failed host call: a sentence with the actual values, and metadata for programs
// (for instance "loop", "state", "site", "field", "allowed", "given", "type").
struct HostError {
  Reason reason = Reason::internal;
  std::string message;
  std::map<std::string, std::string> metadata;
};

template <class T>
using HostResult = std::expected<T, HostError>;

// BAD_ARGUMENT with field, allowed and given.
[[nodiscard]] HostError bad_argument(const std::string& field, const std::string& allowed, const std::string& given);
// What the system refused: OS_PERMISSION_DENIED, FD_LIMIT, ADDRESS_IN_USE, or INTERNAL.
[[nodiscard]] HostError os_error(const std::system_error& error, const std::string& doing);

}  // namespace evloopd::host
