#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "settings/load.h"
#include "workloads/exec/options.h"
#include "workloads/options.h"

namespace evloopd::settings {

// An environment that is the same on every machine.
inline Environment test_environment(std::map<std::string, std::string> variables = {}) {
  return {.variable = [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            if (found == variables.end()) return std::nullopt;
            return found->second;
          },
          .runtime_directory = "/run/test",
          .cpus = 3};
}

// The problems of a file named "f", a line each; empty if it loads.
inline std::string problems_of(const std::string& text, const Environment& environment = test_environment()) {
  const auto settings = load_text("f", text, environment);
  std::string problems;
  if (!settings)
    for (const auto& problem : settings.error()) problems += to_string(problem) + '\n';
  return problems;
}

// What the keys of a workload's kind say.
template <class Options>
const Options& options_of(const WorkloadSettings& workload) {
  const auto* const options = dynamic_cast<const OptionsOf<Options>*>(workload.kind.get());
  if (!options) throw std::runtime_error(workload.kind->kind() + " has other options");
  return options->get();
}

}  // namespace evloopd::settings
