#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace evloopd::settings {

// "25ms": a whole number with ms, s, m or h. Nothing else is a duration, nor is one that no int64 of nanoseconds
// holds.
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

// In the largest unit that is exact; whole milliseconds only.
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

// "256KiB": a whole number with B, KiB, MiB or GiB.
[[nodiscard]] std::optional<std::size_t> parse_size(std::string_view text);
[[nodiscard]] std::string format_size(std::size_t size);

}  // namespace evloopd::settings
