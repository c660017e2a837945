#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace evloopd::workloads {

// One of several loops does something for all of them: who holds the lease. It must be renewed; a loop that is stopped
// or stuck does not, and another one has it. Any thread.
class Lease {
 public:
  static constexpr evloop::Duration term = std::chrono::seconds(3);

  // Renews or takes it. False if another one of them holds it.
  [[nodiscard]] bool hold(std::uint16_t loop, evloop::TimePoint now) noexcept {
    auto current = state_.load(std::memory_order_acquire);
    if (is_held(current, now) && holder(current) != loop) return false;
    return state_.compare_exchange_strong(current, pack(loop, now + term), std::memory_order_acq_rel);
  }
  // Gives it up, if it is this one's.
  void release(std::uint16_t loop) noexcept {
    auto current = state_.load(std::memory_order_acquire);
    if (holder(current) == loop) state_.compare_exchange_strong(current, 0, std::memory_order_acq_rel);
  }

 private:
  // The end of the term in milliseconds, and 16 bits for who.
  using State = std::uint64_t;
  static State pack(std::uint16_t loop, evloop::TimePoint until) noexcept {
    return static_cast<State>(milliseconds(until)) << 16U | loop;
  }
  static std::uint16_t holder(State state) noexcept { return static_cast<std::uint16_t>(state); }
  static bool is_held(State state, evloop::TimePoint now) noexcept {
    return static_cast<std::int64_t>(state >> 16U) > milliseconds(now);
  }
  static std::int64_t milliseconds(evloop::TimePoint time) noexcept {
    return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  }

  std::atomic<State> state_{0};
};

}  // namespace evloopd::workloads
