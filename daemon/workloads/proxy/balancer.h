#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "workloads/options.h"

namespace evloopd::workloads {

// Decides which upstream a client goes to, and counts who is where. Shared by all loops of one workload
// and made of atomics, touched once per connection. Any thread.
class Balancer {
 public:
  // An upstream that refused a client is avoided for this long, unless there is no other.
  static constexpr evloop::Duration avoid_after_failure = std::chrono::seconds(2);

  Balancer(Balance how, std::size_t upstreams);

  // A client's place at one upstream: counted as long as it lives. The balancer outlives it.
  class Place {
   public:
    Place() noexcept = default;
    Place(Place&& other) noexcept : balancer_(std::exchange(other.balancer_, nullptr)), upstream_(other.upstream_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(balancer_, other.balancer_);
      std::swap(upstream_, other.upstream_);
      return *this;
    }
    ~Place() {
      if (balancer_) balancer_->upstreams_[upstream_].clients.fetch_sub(1, std::memory_order_relaxed);
    }
    [[nodiscard]] explicit operator bool() const noexcept { return balancer_ != nullptr; }
    [[nodiscard]] std::size_t upstream() const noexcept { return upstream_; }  // its index

   private:
    friend class Balancer;
    Place(Balancer& balancer, std::size_t upstream) noexcept : balancer_(&balancer), upstream_(upstream) {
      balancer.upstreams_[upstream].clients.fetch_add(1, std::memory_order_relaxed);
    }
    Balancer* balancer_ = nullptr;
    std::size_t upstream_ = 0;
  };

  // A place at the upstream whose turn it is, those in `tried` left out. Empty if all were tried.
  [[nodiscard]] Place take(std::span<const std::size_t> tried, evloop::TimePoint now);

  // A connect to it failed. True if that should be logged: once a minute.
  [[nodiscard]] bool failed(std::size_t upstream, evloop::TimePoint now);

  [[nodiscard]] std::size_t size() const noexcept { return upstreams_.size(); }
  [[nodiscard]] std::size_t clients(std::size_t upstream) const noexcept {
    return upstreams_[upstream].clients.load(std::memory_order_relaxed);
  }

 private:
  using Time = evloop::TimePoint::rep;
  static constexpr Time never = evloop::TimePoint::min().time_since_epoch().count();

  struct Upstream {
    std::atomic<std::uint32_t> clients{0};
    std::atomic<Time> avoided_until{never};
    std::atomic<Time> quiet_until{never};
  };

  const Balance how_;
  std::vector<Upstream> upstreams_;
  std::atomic<std::uint64_t> turn_{0};
};

}  // namespace evloopd::workloads
