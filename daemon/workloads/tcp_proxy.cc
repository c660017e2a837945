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
  const auto faults = std::exchange(options.connection.faults, config_.options.connection.faults);
  if (options != config_.options) return Adoption::impossible;
  auto& pool = *config_.pools.front();
  const bool new_list = list != pool.list();
  if (new_list && !pool.set(std::move(list))) return Adoption::impossible;
  const bool new_faults = config_.faults.configure(faults);
  return new_list || new_faults ? Adoption::taken : Adoption::same;
}

}  // namespace evloopd::workloads
