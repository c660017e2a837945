#include "workloads/upstreams/endpoint.h"

#include "workloads/upstreams/pool.h"

namespace evloopd::workloads {
namespace {

constexpr evloop::Duration log_interval = std::chrono::minutes(1);

}  // namespace

Endpoint::Endpoint(Pool& pool, evloop::SocketAddress address, std::shared_ptr<UpstreamCounters> counters)
    : pool_(pool),
      address_(address),
      name_(address.to_string()),
      counters_(std::move(counters)),
      quiet_until_(evloop::TimePoint::min().time_since_epoch().count()) {}

bool Endpoint::may_log(evloop::TimePoint now) noexcept {
  const auto count = [](evloop::TimePoint time) { return time.time_since_epoch().count(); };
  auto quiet = quiet_until_.load(std::memory_order_relaxed);
  return count(now) >= quiet &&
         quiet_until_.compare_exchange_strong(quiet, count(now + log_interval), std::memory_order_relaxed);
}

bool Endpoint::enter() noexcept {
  const auto most = limit();
  if (most == 0) {
    count_.fetch_add(connection, std::memory_order_seq_cst);
    return true;
  }
  auto count = count_.load(std::memory_order_seq_cst);
  while (static_cast<std::uint32_t>(count) < most)
    if (count_.compare_exchange_weak(count, count + connection, std::memory_order_seq_cst)) return true;
  return false;
}

void Place::reset_early(evloop::TimePoint now) const { endpoint_->pool().reset_early(*endpoint_, now); }

void Place::leave() noexcept {
  auto* endpoint = std::exchange(endpoint_, nullptr);
  if (!endpoint) return;
  auto& pool = endpoint->pool();
  const bool limited = endpoint->limit() > 0;
  endpoint->give_back(Endpoint::connection);
  if (limited) pool.call_next();
}

}  // namespace evloopd::workloads
