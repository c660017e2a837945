#include "settings/names.h"

#include <algorithm>

namespace evloopd::settings {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_'; }
bool has_name_length(std::string_view text) { return !text.empty() && text.size() <= 63; }

}  // namespace

bool is_name(std::string_view text) {
  return has_name_length(text) && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_daemon_name(std::string_view text) { return has_name_length(text) && std::ranges::all_of(text, is_word); }

bool is_label(std::string_view text) {
  return has_name_length(text) && (is_letter(text.front()) || text.front() == '_') &&
         std::ranges::all_of(text, is_word);
}

}  // namespace evloopd::settings
