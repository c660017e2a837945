#include "workloads/proxy/share.h"

#include <utility>

#include "workloads/proxy/dial.h"
#include "workloads/proxy/tunnel.h"

namespace evloopd::workloads {

ProxyConfig::ProxyConfig(TcpProxyOptions given)
    : options(std::move(given)), balancer(options.balance, options.upstreams.size()) {
  for (const auto& upstream : options.upstreams) upstreams.push_back(evloop::SocketAddress::parse(upstream.address));
}

ProxyShare::ProxyShare(evloop::EventLoop& loop, ProxyConfig& config, host::WorkloadCounters& counters)
    : loop_(loop), config_(config), counters_(counters), open_(counters), tally_(loop, counters) {}

ProxyShare::~ProxyShare() {
  destroy_dials();
  while (auto* tunnel = tunnels_.front()) {
    tunnels_.remove(*tunnel);
    tunnel->orphan();
  }
}

void ProxyShare::accepted(evloop::UniqueFd connection) {
  auto& dial = *new Dial(*this, std::move(connection));
  dials_.push_back(dial);
  dial.start();
}

void ProxyShare::connected(Dial& dial) {
  auto& tunnel = *new Tunnel(*this, std::move(dial.place), std::move(dial.slot));
  tunnels_.push_back(tunnel);
  auto client = std::move(dial.client);
  auto upstream = std::move(dial.upstream);
  destroy(dial);
  tunnel.start(std::move(client), std::move(upstream));
}

void ProxyShare::gave_up(Dial& dial) {
  counters_.connections_failed.fetch_add(1, std::memory_order_relaxed);
  destroy(dial);
}

void ProxyShare::left(Tunnel& tunnel) noexcept { tunnels_.remove(tunnel); }

void ProxyShare::abort() {
  destroy_dials();
  for (auto* tunnel = tunnels_.front(); tunnel; tunnel = tunnel->next()) tunnel->abort();
}

void ProxyShare::destroy(Dial& dial) noexcept {
  dials_.remove(dial);
  delete &dial;
}

void ProxyShare::destroy_dials() noexcept {
  while (auto* dial = dials_.front()) destroy(*dial);
}

}  // namespace evloopd::workloads
