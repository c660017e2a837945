#include "control/text.h"

#include "base/utf8.h"

namespace evloopd::control {

std::string clean_text(std::string_view text, std::size_t limit) {
  constexpr std::string_view replacement = "\xef\xbf\xbd";
  std::string clean;
  clean.reserve(text.size() < limit ? text.size() : limit);
  while (!text.empty()) {
    const auto length = evloop::utf8_character(text);
    const auto next = length == 0 ? replacement : text.substr(0, length);
    if (clean.size() + next.size() > limit) return clean + "...";
    clean += next;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

}  // namespace evloopd::control
