#pragma once

#include <chrono>

namespace evloop {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

// The time a loop lives by. Injected, so that tests own it. now() may be called from any thread and
// never goes back.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
};

// CLOCK_MONOTONIC. Stateless; steady_clock() is the one that loops share.
class SteadyClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return std::chrono::steady_clock::now(); }
};
[[nodiscard]] SteadyClock& steady_clock() noexcept;

// Stands still until it is told. One thread.
class VirtualClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return now_; }
  void advance(Duration by) noexcept { now_ += by; }

 private:
  TimePoint now_{};
};

}  // namespace evloop
