#pragma once

#include <string>
#include <string_view>

#include "host/host_error.h"

// Resource names of the API: `loops/{loop}`, `loops/{loop}/tasks/{task}`, `workloads/{workload}`.
namespace evloopd::control {

inline std::string loop_resource(std::string_view loop) { return "loops/" + std::string(loop); }
inline std::string workload_resource(std::string_view workload) { return "workloads/" + std::string(workload); }

// The `{loop}` of `loops/{loop}`. Anything else is BAD_ARGUMENT about `field`.
[[nodiscard]] host::HostResult<std::string> parse_loop(std::string_view resource, const char* field = "name");
// The `{workload}` of `workloads/{workload}`, likewise.
[[nodiscard]] host::HostResult<std::string> parse_workload(std::string_view resource, const char* field = "name");

}  // namespace evloopd::control
