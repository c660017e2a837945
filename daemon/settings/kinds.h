#pragma once

#include "settings/kind.h"

namespace evloopd::settings {

// The built-in kinds, in the order of their pages.
[[nodiscard]] const Kinds& standard_kinds();

}  // namespace evloopd::settings
