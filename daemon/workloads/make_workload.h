#pragma once

#include <memory>

#include "host/workload.h"
#include "workloads/options.h"

namespace evloopd::workloads {

// The workload of a built-in kind, for LoopHost::add_workload(). Throws ValueError for options that settings/ would
// have refused.
[[nodiscard]] std::unique_ptr<host::Workload> make_workload(const KindOptions& options);

}  // namespace evloopd::workloads
