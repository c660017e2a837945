#pragma once

#include <vector>

#include "settings/claims.h"
#include "settings/loops.h"
#include "settings/settings.h"
#include "settings/value.h"

namespace evloopd::settings {

// Reads `workloads`. Their listeners claim their addresses.
[[nodiscard]] std::vector<WorkloadSettings> read_workloads(const Value& value, const Loops& loops, Claims& claims,
                                                           const DaemonSettings& daemon);

// Reads one of them, which stands alone.
[[nodiscard]] WorkloadSettings read_workload(const Value& value, const Loops& loops, Claims& claims,
                                             const DaemonSettings& daemon);

}  // namespace evloopd::settings
