#pragma once

#include <cstddef>
#include <string_view>

namespace evloop {

// Bytes of the well-formed character that `text`, which is not empty, begins with; 0: it does not begin with one.
// Refuses overlong forms, surrogates and what lies beyond U+10FFFF (Unicode 15, table 3-7).
[[nodiscard]] std::size_t utf8_character(std::string_view text) noexcept;

}  // namespace evloop
