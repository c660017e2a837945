#pragma once

#include <string>
#include <vector>

#include "settings/kind.h"
#include "workloads/exec/options.h"

namespace evloopd::settings {

// The keys of an exec.
[[nodiscard]] workloads::ExecOptions read_exec(Mapping& keys, const KindContext& context);

// ... and the lines that say them, not indented.
[[nodiscard]] std::vector<std::string> print_exec(const workloads::ExecOptions& options, const Hidden& hidden);

}  // namespace evloopd::settings
