#pragma once

#include <string>

#include "host/fault_spec.h"
#include "settings/value.h"

namespace evloopd::settings {

// Reads the key `faults` of a workload.
[[nodiscard]] host::FaultSpec read_faults(const Value& value);

// ... and the line that says it, not indented.
[[nodiscard]] std::string print_faults(const host::FaultSpec& spec);

}  // namespace evloopd::settings
