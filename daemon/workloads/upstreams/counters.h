#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "host/snapshots.h"

namespace evloopd::workloads {

// How long connects took. Any thread, relaxed.
class ConnectTimes {
 public:
  // Seconds.
  static constexpr std::array bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0};

  void add(evloop::Duration took) noexcept {
    const double seconds = std::chrono::duration<double>(took).count();
    std::size_t bucket = 0;
    while (bucket < bounds.size() && seconds > bounds[bucket]) ++bucket;
    buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(took.count(), std::memory_order_relaxed);
  }
  [[nodiscard]] host::HistogramSnapshot snapshot() const {
    host::HistogramSnapshot all;
    all.bounds.assign(bounds.begin(), bounds.end());
    for (const auto& bucket : buckets_) all.buckets.push_back(bucket.load(std::memory_order_relaxed));
    all.sum = std::chrono::duration<double>(evloop::Duration(sum_.load(std::memory_order_relaxed))).count();
    return all;
  }

 private:
  std::array<std::atomic<std::uint64_t>, bounds.size() + 1> buckets_{};
  std::atomic<std::int64_t> sum_{0};  // nanoseconds
};

// What is counted of one entry of the list, over all addresses it has or had. Any thread, relaxed.
struct UpstreamCounters {
  std::atomic<std::uint64_t> connects_failed{0};
  std::atomic<std::uint64_t> retries{0};
  std::atomic<std::uint64_t> ejections{0};
  std::atomic<std::uint64_t> checks_passed{0};
  std::atomic<std::uint64_t> checks_failed{0};
  ConnectTimes connect_times;  // of those that succeeded
};

inline void count(std::atomic<std::uint64_t>& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace evloopd::workloads
