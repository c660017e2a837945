#pragma once

#include <cstddef>
#include <string>

#include "settings/node.h"
#include "settings/report.h"

namespace evloopd::settings {

// What a file may be at most, so that a hostile one can take neither the stack nor time without end.
inline constexpr std::size_t max_file_size = 1024 * 1024;  // bytes
inline constexpr std::size_t max_depth = 32;               // levels of nesting
inline constexpr std::size_t max_values = 100'000;         // with those that aliases repeat

// Parses one YAML document. Reports every duplicate key, merge key and tag; syntax errors and what breaks a limit end
// the parsing, and the answer is null then. Null also when the file holds no value; that is reported too.
[[nodiscard]] NodePtr parse(const std::string& text, Report& report);

}  // namespace evloopd::settings
