#pragma once

#include <string>
#include <vector>

#include "settings/kind.h"
#include "workloads/probe/options.h"

namespace evloopd::settings {

// The keys of a probe.
[[nodiscard]] workloads::ProbeOptions read_probe(Mapping& keys);

// ... and the lines that say them, not indented.
[[nodiscard]] std::vector<std::string> print_probe(const workloads::ProbeOptions& options, const Hidden& hidden);

}  // namespace evloopd::settings
