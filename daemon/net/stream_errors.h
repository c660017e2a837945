#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "net/bytes.h"

namespace evloop {

// The data ended before a read had what it wanted (Python: an EOFError).
class IncompleteReadError : public std::runtime_error {
 public:
  // `wanted`: none if nobody knows how many bytes it would have been.
  IncompleteReadError(Bytes read, std::optional<std::size_t> wanted)
      : std::runtime_error(std::to_string(read.size()) + " bytes read on a total of " +
                           (wanted ? std::to_string(*wanted) : "undefined") + " expected bytes"),
        partial(std::move(read)),
        expected(wanted) {}
  Bytes partial;
  std::optional<std::size_t> expected;
};

// More than the limit came without a separator. The data are still there.
class LimitOverrunError : public std::runtime_error {
 public:
  LimitOverrunError(const std::string& text, std::size_t skippable) : std::runtime_error(text), consumed(skippable) {}
  std::size_t consumed;  // so much may be skipped without missing the separator
};

}  // namespace evloop
