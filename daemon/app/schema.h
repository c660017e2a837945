#pragma once

#include <string>

#include "settings/kinds.h"

namespace evloopd::app {

// The JSON schema of the configuration, for editors: the one in config/, with kinds that are not in there added. Throws
// nlohmann::json::exception if what a kind says of its keys is no JSON.
[[nodiscard]] std::string configuration_schema(const settings::Kinds& kinds);

}  // namespace evloopd::app
