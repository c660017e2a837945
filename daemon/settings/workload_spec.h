#pragma once

#include <expected>
#include <map>
#include <string>
#include <vector>

#include "settings/environment.h"
#include "settings/kinds.h"
#include "settings/problem.h"
#include "settings/settings.h"

namespace evloopd::settings {

// What a spec may refer to.
struct SpecContext {
  std::vector<std::string> loops;
  std::map<std::string, std::vector<std::string>> loop_groups;  // see Settings
  bool exec_checks = false;                                     // see DaemonSettings
  bool exec_workloads = false;
  std::string directory;  // of relative `${file:...}`
};

// Reads workloads for a daemon that runs, from YAML or JSON: one, as it stands in the file's `workloads`, or a mapping
// with `workloads`, such as a file that has nothing else but its version. The answer is all of them, checked, or every
// problem. `name` stands for the text in problems.
[[nodiscard]] std::expected<std::vector<WorkloadSettings>, std::vector<Problem>> load_workloads(
    const std::string& name, const std::string& text, const SpecContext& context,
    const Environment& environment = Environment::current(), const Kinds& kinds = standard_kinds());

}  // namespace evloopd::settings
