#pragma once

#include <string>
#include <string_view>

namespace evloopd::settings {

// In double quotes, as YAML and JSON read it.
[[nodiscard]] std::string in_quotes(std::string_view text);

// A free text likewise, so that nothing in it is filled in.
[[nodiscard]] std::string free_text(std::string_view text);

}  // namespace evloopd::settings
