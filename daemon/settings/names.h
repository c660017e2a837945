#pragma once

#include <string_view>

namespace evloopd::settings {

// Of loops and workloads.
inline constexpr std::string_view name_syntax = "a name of 1 to 63 of a-z, 0-9 and -, with no - at either end";
[[nodiscard]] bool is_name(std::string_view text);

inline constexpr std::string_view daemon_name_syntax = "a name of 1 to 63 letters, digits, dots, - and _";
[[nodiscard]] bool is_daemon_name(std::string_view text);

inline constexpr std::string_view label_syntax =
    "a label of 1 to 63 letters, digits, dots, - and _, beginning with a letter or _";
[[nodiscard]] bool is_label(std::string_view text);

}  // namespace evloopd::settings
