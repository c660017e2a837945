#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

// Small things about text, for messages.
namespace evloopd::settings {

// How many bytes from the start are well-formed UTF-8.
[[nodiscard]] std::size_t utf8_prefix(std::string_view text) noexcept;

// Control characters as \n, \t or \x1b, so that a message stays one line whatever the file holds.
[[nodiscard]] std::string printable(std::string_view text);

// printable, in double quotes, cut after some 60 bytes.
[[nodiscard]] std::string excerpt(std::string_view text);

// "a", "a or b", "a, b or c".
[[nodiscard]] std::string one_of(std::span<const std::string> words);

// The one of `words` that a typing slip turns into `given`; empty if none is near.
[[nodiscard]] std::string_view nearest(std::string_view given, std::span<const std::string> words);

}  // namespace evloopd::settings
