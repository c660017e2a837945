#pragma once

#include <grpcpp/support/status.h>

#include <map>
#include <string>

#include "host/host_error.h"

// The one place where errors become gRPC statuses (control-plane API: a code, a sentence, and a
// google.rpc.ErrorInfo with a stable reason). Any thread.
namespace evloopd::control {

// Reasons that are the control plane's own, beside those of host::Reason.
namespace reasons {
inline constexpr const char* role_too_low = "ROLE_TOO_LOW";      // metadata: needed_role, role, method
inline constexpr const char* too_many_calls = "TOO_MANY_CALLS";  // metadata: method, resource
inline constexpr const char* cancelled = "CANCELLED";            // the caller went away before it began
}  // namespace reasons

[[nodiscard]] grpc::StatusCode code_of(const host::HostError& error);
[[nodiscard]] grpc::Status to_status(const host::HostError& error);

// A status of the given code that carries an ErrorInfo.
[[nodiscard]] grpc::Status make_status(grpc::StatusCode code, const std::string& reason, const std::string& message,
                                       const std::map<std::string, std::string>& metadata);

}  // namespace evloopd::control
