#include "workloads/proxy/balancer.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace evloopd::workloads {
namespace {

constexpr evloop::Duration log_interval = std::chrono::minutes(1);

evloop::TimePoint::rep count(evloop::TimePoint time) { return time.time_since_epoch().count(); }

}  // namespace

Balancer::Balancer(Balance how, std::size_t upstreams) : how_(how), upstreams_(upstreams) {}

Balancer::Place Balancer::take(std::span<const std::size_t> tried, evloop::TimePoint now) {
  // The search starts one further each time: that is round robin, and spreads ties of least_conn.
  const auto start = turn_.fetch_add(1, std::memory_order_relaxed);
  struct Rank {
    bool avoided = true;
    std::uint32_t clients = std::numeric_limits<std::uint32_t>::max();
    auto operator<=>(const Rank&) const = default;
  };
  std::optional<std::size_t> best;
  Rank least;
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    const auto index = static_cast<std::size_t>((start + i) % upstreams_.size());
    if (std::ranges::find(tried, index) != tried.end()) continue;
    const auto& upstream = upstreams_[index];
    Rank rank{.avoided = count(now) < upstream.avoided_until.load(std::memory_order_relaxed), .clients = 0};
    if (how_ == Balance::least_conn) rank.clients = upstream.clients.load(std::memory_order_relaxed);
    if (best && rank >= least) continue;
    best = index;
    least = rank;
  }
  return best ? Place(*this, *best) : Place();
}

bool Balancer::failed(std::size_t upstream, evloop::TimePoint now) {
  auto& it = upstreams_[upstream];
  it.avoided_until.store(count(now + avoid_after_failure), std::memory_order_relaxed);
  auto quiet = it.quiet_until.load(std::memory_order_relaxed);
  return count(now) >= quiet &&
         it.quiet_until.compare_exchange_strong(quiet, count(now + log_interval), std::memory_order_relaxed);
}

}  // namespace evloopd::workloads
