#pragma once

#include <system_error>

namespace evloopd::workloads {

// ARES_ENOTFOUND and its like.
[[nodiscard]] const std::error_category& dns_category() noexcept;

}  // namespace evloopd::workloads
