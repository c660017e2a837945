#include "settings/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/utf8.h"

namespace evloopd::settings {
namespace {

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

}  // namespace

std::size_t utf8_prefix(std::string_view text) noexcept {
  std::size_t end = 0;
  while (end < text.size()) {
    const auto length = evloop::utf8_character(text.substr(end));
    if (length == 0) break;
    end += length;
  }
  return end;
}

std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n')
      result += "\\n";
    else if (c == '\t')
      result += "\\t";
    else if (byte < 0x20 || byte == 0x7f)
      result += fmt::format("\\x{:02x}", byte);
    else
      result += c;
  }
  return result;
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t longest = 60;
  if (text.size() <= longest) return '"' + printable(text) + '"';
  return '"' + printable(text.substr(0, utf8_prefix(text.substr(0, longest)))) + "...\"";
}

std::string one_of(std::span<const std::string> words) {
  std::string result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) result += i + 1 == words.size() ? " or " : ", ";
    result += words[i];
  }
  return result;
}

std::string_view nearest(std::string_view given, std::span<const std::string> words) {
  std::string_view best;
  auto least = std::max<std::size_t>(given.size() / 3, 1) + 1;
  for (const auto& word : words) {
    const auto apart = std::max(given.size(), word.size()) - std::min(given.size(), word.size());
    if (apart >= least) continue;
    if (const auto distance = edit_distance(given, word); distance < least) {
      least = distance;
      best = word;
    }
  }
  return best;
}

}  // namespace evloopd::settings
