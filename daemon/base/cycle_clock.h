#pragma once

#include <chrono>
#include <cstdint>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace evloop {

// A stamp for measuring, cheap enough to take around every callback: the processor's time-stamp counter
// where the kernel itself trusts it as clock source, else CLOCK_MONOTONIC. Stamps compare across
// threads. Never the loop's time: that is Clock.
class CycleClock {
 public:
  using Stamp = std::uint64_t;

  [[nodiscard]] static Stamp now() noexcept {
#if defined(__x86_64__)
    if (uses_counter_) [[likely]]
      return __rdtsc();
#endif
    return monotonic();
  }

  // Length of `stamps` (a difference of two) in nanoseconds.
  [[nodiscard]] static std::chrono::nanoseconds to_nanos(Stamp stamps) noexcept;
  // The inverse, for thresholds.
  [[nodiscard]] static Stamp from_nanos(std::chrono::nanoseconds time) noexcept;

 private:
  static Stamp monotonic() noexcept;
  static bool detect() noexcept;
  static double nanos_per_stamp() noexcept;

  static const bool uses_counter_;
};

}  // namespace evloop
