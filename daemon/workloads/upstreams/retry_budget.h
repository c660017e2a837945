#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "workloads/upstreams/options.h"

namespace evloopd::workloads {

// Keeps retries a share of the work, so that a pool in trouble is not asked many times over: over the last ten seconds
// at most so many percent of the clients, and a few a second in any case. One loop's; loop thread only.
class RetryBudget {
 public:
  explicit RetryBudget(const RetryOptions& options) : options_(options) {}

  // A client has come.
  void count_client(evloop::TimePoint now) noexcept { ++second(now).clients; }
  // False if it would be too much; else it counts.
  [[nodiscard]] bool take(evloop::TimePoint now) noexcept {
    auto& current = second(now);
    std::uint64_t clients = 0, retries = 0;
    for (const auto& each : seconds_) {
      if (current.number - each.number >= length) continue;
      clients += each.clients;
      retries += each.retries;
    }
    const auto percent = static_cast<std::uint64_t>(options_.percent);
    const auto least = static_cast<std::uint64_t>(options_.least) * length;
    if (retries >= clients * percent / 100 + least) return false;
    ++current.retries;
    return true;
  }

 private:
  static constexpr std::int64_t length = 10;
  struct Second {
    std::int64_t number = -length;
    std::uint32_t clients = 0;
    std::uint32_t retries = 0;
  };

  Second& second(evloop::TimePoint now) noexcept {
    const std::int64_t number = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
    auto& slot = seconds_[static_cast<std::size_t>(number % length)];
    if (slot.number != number) slot = {.number = number};
    return slot;
  }

  const RetryOptions options_;
  std::array<Second, length> seconds_{};
};

}  // namespace evloopd::workloads
