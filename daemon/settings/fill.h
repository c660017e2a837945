#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>

#include "settings/environment.h"

namespace evloopd::settings {

// Where `${...}` of a value may come from.
struct Sources {
  const Environment& environment;
  std::filesystem::path directory;  // relative `${file:...}` names are taken from here
};

struct Filled {
  std::string text;
  bool from_file = false;  // some of it: a secret, not to be shown
};

// Fills `${NAME}`, `${NAME:-default}` (unset or empty: the default) and `${file:path}` (the file without one newline at
// its end) in a value that has been parsed, so that what comes in is never read as YAML. `$${` stands for `${`; a `$`
// before anything else stays. The error says what is wrong, without the value's name.
[[nodiscard]] std::expected<Filled, std::string> fill(std::string_view written, const Sources& sources);

// What fill() turns into `text`.
[[nodiscard]] std::string escape_fill(std::string_view text);

}  // namespace evloopd::settings
