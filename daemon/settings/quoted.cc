#include "settings/quoted.h"

#include <fmt/format.h>

#include "settings/fill.h"

namespace evloopd::settings {

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      result += {'\\', c};
    else if (c == '\n')
      result += "\\n";
    else if (byte < 0x20 || byte == 0x7f)
      result += fmt::format("\\x{:02x}", byte);
    else
      result += c;
  }
  return result + '"';
}

std::string free_text(std::string_view text) { return in_quotes(escape_fill(text)); }

}  // namespace evloopd::settings
