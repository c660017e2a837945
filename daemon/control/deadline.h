#pragma once

#include <algorithm>
#include <chrono>

// How long a call may wait for a loop. The daemon answers shortly before the caller's own deadline: a caller whose
// deadline has passed learns nothing, and it shall learn which loop is stuck and where.
namespace evloopd::control {

inline constexpr std::chrono::seconds default_wait{30};  // of a call that comes without a deadline
inline constexpr std::chrono::minutes longest_wait{5};   // however patient the caller: each wait holds a thread
inline constexpr std::chrono::milliseconds largest_margin{100};

// The time to wait when the caller has `left`; `nanoseconds::max()` when it set no deadline.
[[nodiscard]] constexpr std::chrono::nanoseconds time_to_wait(std::chrono::nanoseconds left) {
  using std::chrono::nanoseconds;
  if (left == nanoseconds::max()) return default_wait;
  if (left <= nanoseconds::zero()) return nanoseconds::zero();
  return left - std::min<nanoseconds>(left / 10, largest_margin);
}

}  // namespace evloopd::control
