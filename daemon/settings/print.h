#pragma once

#include <string>

#include "settings/settings.h"

namespace evloopd::settings {

// The whole configuration as YAML, every key with its value, also those that the file left out. Loads back to equal
// settings. A hidden value is printed as its `${file:...}`, never as what it is.
[[nodiscard]] std::string print_config(const Settings& settings);

}  // namespace evloopd::settings
