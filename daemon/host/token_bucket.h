#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "base/clock.h"

namespace evloopd::host {

// So many turns in a second, and no more at once than a whole second brings. Any thread.
//
// It is written as the time at which it will be full: each turn moves that on by its share of a second, and there is
// one as long as it is less than a second ahead.
class TokenBucket {
 public:
  // Takes a turn, of `rate` in a second; at least 1. Answers how long it is until there is one: zero, and it is taken.
  [[nodiscard]] evloop::Duration take(std::size_t rate, evloop::TimePoint now) noexcept {
    const auto present = now.time_since_epoch().count();
    auto full_at = full_at_.load(std::memory_order_relaxed);
    for (;;) {
      const auto next = std::max(full_at, present) + each(rate);
      if (next > present + second) return evloop::Duration(next - second - present);
      if (full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) return evloop::Duration::zero();
    }
  }
  // One that was taken at this rate and is not used.
  void give_back(std::size_t rate) noexcept { full_at_.fetch_sub(each(rate), std::memory_order_relaxed); }

 private:
  using Nanos = evloop::TimePoint::rep;

  static constexpr Nanos second = 1'000'000'000;
  [[nodiscard]] static Nanos each(std::size_t rate) noexcept { return second / static_cast<Nanos>(rate); }

  std::atomic<Nanos> full_at_{evloop::TimePoint::min().time_since_epoch().count()};
};

}  // namespace evloopd::host
