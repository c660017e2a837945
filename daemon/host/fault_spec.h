#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// What is done on purpose to the connections of a workload, so that those at their ends can be tried. Plain values.
namespace evloopd::host {

// Bytes that go this way are touched.
enum class FaultDirection : std::uint8_t { both, to_upstream, to_client };

// 0 of a time or a size: none of it.
struct FaultSpec {
  int percent = 100;  // 1 to 100: of the connections; the others go through untouched
  int seed = 0;       // the same one touches the same connections, counted from when it was set, and in the same way
  FaultDirection direction = FaultDirection::both;
  std::chrono::nanoseconds latency{};      // each byte, and the end of data, arrives so much later
  std::chrono::nanoseconds jitter{};       // by which the latency is longer or shorter; at most the latency
  std::size_t bandwidth = 0;               // bytes a second
  std::size_t slice_size = 0;              // bytes of a piece that is sent on, at most
  std::chrono::nanoseconds slice_delay{};  // between two pieces; needs their size
  bool blackhole = false;                  // nothing arrives, nor does the end of data
  std::size_t reset_bytes = 0;             // both sides are reset once so many bytes have gone this way
  std::chrono::nanoseconds reset_time{};   // ... or so long after the upstream was connected

  // It does something.
  [[nodiscard]] bool any() const noexcept {
    return latency.count() > 0 || bandwidth > 0 || slice_size > 0 || blackhole || reset_bytes > 0 ||
           reset_time.count() > 0;
  }

  friend bool operator==(const FaultSpec&, const FaultSpec&) = default;
};

// The most that each of its times and sizes, and its seed, may be.
inline constexpr std::chrono::nanoseconds longest_fault_time = std::chrono::hours(1);
inline constexpr std::size_t largest_fault_size = std::size_t{1} << 30U;
inline constexpr int largest_fault_seed = 2'000'000'000;

}  // namespace evloopd::host
