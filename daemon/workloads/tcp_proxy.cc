#include "workloads/tcp_proxy.h"

#include <utility>

namespace evloopd::workloads {

std::unique_ptr<host::WorkloadShare> TcpProxy::attach(evloop::EventLoop& loop) {
  return std::make_unique<ProxyShare>(loop, config_, counters_);
}

host::Workload::Adoption TcpProxy::adopt(host::Workload& wanted) {
  const auto* other = dynamic_cast<TcpProxy*>(&wanted);
  if (!other) return Adoption::impossible;
  auto options = other->config_.options;
  auto list = std::exchange(options.upstreams.list, config_.options.upstreams.list);
  if (options != config_.options) return Adoption::impossible;
  auto& pool = *config_.pools.front();
  if (list == pool.list()) return Adoption::same;
  return pool.set(std::move(list)) ? Adoption::taken : Adoption::impossible;
}

}  // namespace evloopd::workloads
