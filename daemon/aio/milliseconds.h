#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace evloop {

// A timeout as epoll_wait and poll take it: -1 for none, rounded up, so that a timer is never early and
// the loop does not spin (LIFE-07).
[[nodiscard]] inline int to_milliseconds(std::optional<Duration> timeout) noexcept {
  constexpr std::int64_t most = 86'400'000;
  if (!timeout) return -1;
  if (*timeout <= Duration::zero()) return 0;
  return static_cast<int>(std::min<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(*timeout).count(), most));
}

}  // namespace evloop
