#pragma once

#include <cstddef>
#include <vector>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "host/workload.h"
#include "net/socket_address.h"
#include "workloads/byte_tally.h"
#include "workloads/linked_list.h"
#include "workloads/open_connections.h"
#include "workloads/options.h"
#include "workloads/proxy/balancer.h"
#include "workloads/proxy/pipe_pool.h"

namespace evloopd::workloads {

class Dial;
class Tunnel;

// What all loops of one tcp.proxy have in common. Any thread.
struct ProxyConfig {
  explicit ProxyConfig(TcpProxyOptions given);  // throws ValueError for an address that is none

  const TcpProxyOptions options;
  std::vector<evloop::SocketAddress> upstreams;  // constant
  Balancer balancer;
};

// One loop's share of tcp.proxy: the clients that wait for an upstream, and the tunnels of those that have one. Loop
// thread only.
class ProxyShare final : public host::WorkloadShare {
 public:
  // `config` and `counters` outlive it.
  ProxyShare(evloop::EventLoop& loop, ProxyConfig& config, host::WorkloadCounters& counters);
  ~ProxyShare() override;

  void accepted(evloop::UniqueFd connection) override;
  [[nodiscard]] std::size_t connections() const override { return open_.size(); }
  void drain() override {}  // when a session has done its work, only its ends know
  void abort() override;

  // For dials and tunnels.
  [[nodiscard]] evloop::EventLoop& loop() noexcept { return loop_; }
  [[nodiscard]] ProxyConfig& config() noexcept { return config_; }
  [[nodiscard]] OpenConnections& open() noexcept { return open_; }
  [[nodiscard]] ByteTally& tally() noexcept { return tally_; }
  [[nodiscard]] PipePool& pipes() noexcept { return pipes_; }
  // The dial has an upstream; it is destroyed.
  void connected(Dial& dial);
  // It has none; likewise.
  void gave_up(Dial& dial);
  void left(Tunnel& tunnel) noexcept;

 private:
  void destroy(Dial& dial) noexcept;
  void destroy_dials() noexcept;

  evloop::EventLoop& loop_;
  ProxyConfig& config_;
  host::WorkloadCounters& counters_;
  OpenConnections open_;
  ByteTally tally_;
  PipePool pipes_;
  LinkedList<Dial> dials_;  // owned
  LinkedList<Tunnel> tunnels_;
};

}  // namespace evloopd::workloads
