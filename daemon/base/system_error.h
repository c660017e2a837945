#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace evloop {

// Throws std::system_error for `error` (errno by default), saying which call failed and on what.
[[noreturn]] inline void throw_errno(const std::string& what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

}  // namespace evloop
