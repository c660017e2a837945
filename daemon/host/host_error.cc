#include "host/host_error.h"

namespace evloopd::host {

const char* reason_name(Reason reason) noexcept {
  switch (reason) {
    case Reason::loop_not_found: return "LOOP_NOT_FOUND";
    case Reason::loop_exists: return "LOOP_EXISTS";
    case Reason::loop_already_running: return "LOOP_ALREADY_RUNNING";
    case Reason::loop_running: return "LOOP_RUNNING";
    case Reason::loop_closed: return "LOOP_CLOSED";
    case Reason::loop_not_stuck: return "LOOP_NOT_STUCK";
    case Reason::loop_stopped_early: return "LOOP_STOPPED_EARLY";
    case Reason::loop_stalled: return "LOOP_STALLED";
    case Reason::job_timeout: return "JOB_TIMEOUT";
    case Reason::stop_timeout: return "STOP_TIMEOUT";
    case Reason::drain_timeout: return "DRAIN_TIMEOUT";
    case Reason::operation_in_progress: return "OPERATION_IN_PROGRESS";
    case Reason::bad_argument: return "BAD_ARGUMENT";
    case Reason::config_invalid: return "CONFIG_INVALID";
    case Reason::job_failed: return "JOB_FAILED";
    case Reason::address_in_use: return "ADDRESS_IN_USE";
    case Reason::os_permission_denied: return "OS_PERMISSION_DENIED";
    case Reason::fd_limit: return "FD_LIMIT";
    case Reason::workload_exists: return "WORKLOAD_EXISTS";
    case Reason::workload_not_found: return "WORKLOAD_NOT_FOUND";
    case Reason::daemon_shutting_down: return "DAEMON_SHUTTING_DOWN";
    case Reason::internal: return "INTERNAL";
  }
  return "INTERNAL";
}

HostError bad_argument(const std::string& field, const std::string& allowed, const std::string& given) {
  return {.reason = Reason::bad_argument,
          .message = field + " must be " + allowed + ", not '" + given + "'",
          .metadata = {{"field", field}, {"allowed", allowed}, {"given", given}}};
}

HostError os_error(const std::system_error& error, const std::string& doing) {
  const auto reason = [&] {
    switch (error.code().value()) {
      case EACCES:
      case EPERM: return Reason::os_permission_denied;
      case EMFILE:
      case ENFILE: return Reason::fd_limit;
      case EADDRINUSE: return Reason::address_in_use;
      default: return Reason::internal;
    }
  }();
  return {.reason = reason, .message = doing + ": " + error.what(), .metadata = {}};
}

}  // namespace evloopd::host
