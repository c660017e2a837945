#include "control/errors.h"

#include <string_view>
#include <utility>

#include "control/text.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace evloopd::control {
namespace {

// Together with the percent-encoding of the sentence well below gRPC's limit of 8 KiB for all trailers.
constexpr std::size_t longest_message = 1024;
constexpr std::size_t longest_value = 256;

// A job's exception, by the last part of its type's name: "std::bad_alloc" -> "bad_alloc".
grpc::StatusCode code_of_exception(std::string_view type) {
  if (const auto colons = type.rfind("::"); colons != std::string_view::npos) type.remove_prefix(colons + 2);
  if (type == "TimeoutError") return grpc::StatusCode::DEADLINE_EXCEEDED;
  if (type == "CancelledError") return grpc::StatusCode::CANCELLED;
  if (type == "InvalidStateError") return grpc::StatusCode::FAILED_PRECONDITION;
  if (type == "ValueError" || type == "TypeError" || type == "invalid_argument")
    return grpc::StatusCode::INVALID_ARGUMENT;
  if (type == "out_of_range") return grpc::StatusCode::OUT_OF_RANGE;
  if (type == "bad_alloc") return grpc::StatusCode::RESOURCE_EXHAUSTED;
  return grpc::StatusCode::UNKNOWN;
}

}  // namespace

grpc::StatusCode code_of(const host::HostError& error) {
  using enum host::Reason;
  switch (error.reason) {
    case loop_not_found: return grpc::StatusCode::NOT_FOUND;
    case loop_exists: return grpc::StatusCode::ALREADY_EXISTS;
    case loop_already_running: return grpc::StatusCode::FAILED_PRECONDITION;
    case loop_running: return grpc::StatusCode::FAILED_PRECONDITION;
    case loop_closed:
    case loop_not_stuck: return grpc::StatusCode::FAILED_PRECONDITION;
    case loop_stopped_early: return grpc::StatusCode::ABORTED;
    case loop_stalled: return grpc::StatusCode::DEADLINE_EXCEEDED;
    case job_timeout: return grpc::StatusCode::DEADLINE_EXCEEDED;
    case stop_timeout:
    case drain_timeout: return grpc::StatusCode::DEADLINE_EXCEEDED;
    case operation_in_progress: return grpc::StatusCode::ABORTED;
    case bad_argument:
    case config_invalid: return grpc::StatusCode::INVALID_ARGUMENT;
    case job_failed: {
      const auto type = error.metadata.find("type");
      return code_of_exception(type == error.metadata.end() ? std::string_view{} : type->second);
    }
    case address_in_use: return grpc::StatusCode::FAILED_PRECONDITION;
    case os_permission_denied: return grpc::StatusCode::PERMISSION_DENIED;
    case fd_limit: return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case workload_exists: return grpc::StatusCode::ALREADY_EXISTS;
    case workload_not_found: return grpc::StatusCode::NOT_FOUND;
    case daemon_shutting_down: return grpc::StatusCode::UNAVAILABLE;
    case internal: return grpc::StatusCode::INTERNAL;
  }
  return grpc::StatusCode::INTERNAL;
}

grpc::Status to_status(const host::HostError& error) {
  return make_status(code_of(error), host::reason_name(error.reason), error.message, error.metadata);
}

grpc::Status make_status(grpc::StatusCode code, const std::string& reason, const std::string& message,
                         const std::map<std::string, std::string>& metadata) {
  const auto sentence = clean_text(message, longest_message);
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("evloopd");
  for (const auto& [key, value] : metadata)
    info.mutable_metadata()->insert({clean_text(key, longest_value), clean_text(value, longest_value)});

  google::rpc::Status details;
  details.set_code(code);
  details.set_message(sentence);
  details.add_details()->PackFrom(info);
  return {code, sentence, details.SerializeAsString()};
}

}  // namespace evloopd::control
