#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "aio/event_loop.h"
#include "workloads/upstreams/balancer.h"
#include "workloads/upstreams/pool.h"
#include "workloads/upstreams/retry_budget.h"
#include "workloads/upstreams/supervisor.h"

namespace evloopd::workloads {

// What one loop has of a pool: the view it chooses from, its way of balancing, its retry budget, and its turn in
// supervising the pool. Its workload's share owns it. Loop thread only.
class UpstreamShare {
 public:
  UpstreamShare(evloop::EventLoop& loop, std::shared_ptr<Pool> pool);
  UpstreamShare(const UpstreamShare&) = delete;
  UpstreamShare& operator=(const UpstreamShare&) = delete;
  ~UpstreamShare();

  // A place at the endpoint whose turn it is, those in `tried` left out. Empty if none has one.
  [[nodiscard]] Place take(std::uint64_t key, std::span<const Endpoint* const> tried, evloop::TimePoint now);
  // One that is empty may not stay so: an endpoint that was not tried is only full, or names are not resolved yet.
  [[nodiscard]] bool may_come(std::span<const Endpoint* const> tried) const;

  [[nodiscard]] evloop::EventLoop& loop() noexcept { return loop_; }
  [[nodiscard]] Pool& pool() noexcept { return *pool_; }
  [[nodiscard]] RetryBudget& retries() noexcept { return retries_; }
  [[nodiscard]] bool hashes_source() const noexcept { return workloads::hashes_source(pool_->options().balance); }
  // Somebody of this loop waits: looks after the waiting room now and then.
  void watch_room() { tick_after(tick_interval); }

 private:
  static constexpr evloop::Duration tick_interval = std::chrono::seconds(1);

  void refresh(evloop::TimePoint now);
  // A tick a second, as long as there is something to supervise or somebody waits.
  void tick_after(evloop::Duration delay);
  void tick();

  evloop::EventLoop& loop_;
  const std::shared_ptr<Pool> pool_;
  const std::uint16_t number_;
  const std::unique_ptr<Balancer> balancer_;
  RetryBudget retries_;
  Supervisor supervisor_;
  std::shared_ptr<const PoolView> view_;
  evloop::TimerHandle timer_;
  bool timed_ = false;
};

}  // namespace evloopd::workloads
