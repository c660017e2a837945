#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/loop_host.h"

namespace evloopd::control {

// A workload that is wanted, ready to be hosted.
struct WorkloadPlan {
  host::WorkloadOptions options;
  std::unique_ptr<host::Workload> workload;
};

// Reads the spec of ApplyWorkload: all of it, or CONFIG_INVALID with everything that is wrong. Any thread.
using WorkloadSource = std::function<host::HostResult<std::vector<WorkloadPlan>>(const std::string& spec)>;

}  // namespace evloopd::control
