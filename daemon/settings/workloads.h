#pragma once

#include <vector>

#include "settings/claims.h"
#include "settings/kind.h"
#include "settings/loops.h"
#include "settings/settings.h"
#include "settings/value.h"

namespace evloopd::settings {

// Reads `workloads`, each of one of the kinds. Their listeners claim their addresses.
[[nodiscard]] std::vector<WorkloadSettings> read_workloads(const Value& value, const Loops& loops, Claims& claims,
                                                           const DaemonSettings& daemon, const Kinds& kinds);

// Reads one of them, which stands alone.
[[nodiscard]] WorkloadSettings read_workload(const Value& value, const Loops& loops, Claims& claims,
                                             const DaemonSettings& daemon, const Kinds& kinds);

}  // namespace evloopd::settings
