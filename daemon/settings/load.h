#pragma once

#include <expected>
#include <string>
#include <vector>

#include "settings/environment.h"
#include "settings/kinds.h"
#include "settings/problem.h"
#include "settings/settings.h"

namespace evloopd::settings {

using LoadResult = std::expected<Settings, std::vector<Problem>>;

// Reads a configuration file. The answer is all settings, complete and checked, or every problem of the file, in its
// order; only where it is no YAML at all, that alone. Opens nothing but the file and what its `${file:...}` name.
// `kinds`: of workloads.
[[nodiscard]] LoadResult load_file(const std::string& path, const Environment& environment = Environment::current(),
                                   const Kinds& kinds = standard_kinds());

// The same for a text. `name` stands for the file in problems, and relative `${file:...}` are taken from its folder.
[[nodiscard]] LoadResult load_text(const std::string& name, const std::string& text,
                                   const Environment& environment = Environment::current(),
                                   const Kinds& kinds = standard_kinds());

}  // namespace evloopd::settings
