#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "evloopd/control/v1/workload_service.pb.h"

// What evloopctl has to do with faults: how they are asked for, and how they are shown.
namespace evloopd::ctl {

namespace v1 = ::evloopd::control::v1;

// Adds the options that say which faults, for how long, or none. What is given is in `request`; `asked` says that
// something is. Both outlive the app.
void add_fault_options(CLI::App& app, v1::SetFaultsRequest& request, bool& asked);

// Which there are, until when, and how many connections were touched; of a workload that can have them. Pure.
[[nodiscard]] std::vector<std::string> fault_lines(const v1::Workload& workload);

}  // namespace evloopd::ctl
