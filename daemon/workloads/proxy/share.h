#pragma once

#include <cstddef>
#include <memory>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "host/workload.h"
#include "workloads/byte_tally.h"
#include "workloads/linked_list.h"
#include "workloads/open_connections.h"
#include "workloads/options.h"
#include "workloads/proxy/access_log.h"
#include "workloads/proxy/admission.h"
#include "workloads/proxy/deadline_wheel.h"
#include "workloads/proxy/network_table.h"
#include "workloads/proxy/pipe_pool.h"
#include "workloads/proxy/session_book.h"
#include "workloads/upstreams/upstream_share.h"

namespace evloopd::workloads {

class Dial;
class Greeting;
class Tunnel;

// What all loops of one tcp.proxy have in common. Any thread.
struct ProxyConfig {
  // Throws ValueError for a network that is none, std::system_error for a log that cannot be opened; and see Pool.
  explicit ProxyConfig(TcpProxyOptions given);

  const TcpProxyOptions options;
  const std::shared_ptr<Pool> upstreams;
  NetworkTable<bool> header_senders;  // constant: whose connections begin with a PROXY header
  bool needs_addresses = false;       // constant: of clients
  Admission admission;
  EndCounters ends;
  std::unique_ptr<AccessLog> access_log;  // null: none
};

// One loop's share of tcp.proxy: the clients that have to say something first, those that wait for an upstream, and the
// tunnels of those that have one. Loop thread only.
class ProxyShare final : public host::WorkloadShare {
 public:
  // `config` and `counters` outlive it.
  ProxyShare(evloop::EventLoop& loop, ProxyConfig& config, host::WorkloadCounters& counters);
  ~ProxyShare() override;

  void introduce(const host::ShareNames& names) override { book_.set_names(names); }
  void accepted(evloop::UniqueFd connection) override;
  [[nodiscard]] std::size_t connections() const override { return open_.size(); }
  // When a session has done its work, only its ends know; those that are cut at the end are counted as drained.
  void drain() override { draining_ = true; }
  void abort() override;

  // For greetings, dials and tunnels.
  [[nodiscard]] evloop::EventLoop& loop() noexcept { return loop_; }
  [[nodiscard]] ProxyConfig& config() noexcept { return config_; }
  [[nodiscard]] UpstreamShare& upstreams() noexcept { return upstreams_; }
  [[nodiscard]] ByteTally& tally() noexcept { return tally_; }
  [[nodiscard]] PipePool& pipes() noexcept { return pipes_; }
  [[nodiscard]] DeadlineWheel& wheel() noexcept { return wheel_; }
  // The client has said who it is; the greeting is destroyed.
  void greeted(Greeting& greeting);
  // It has not; likewise.
  void gave_up(Greeting& greeting);
  // The dial has an upstream; it is destroyed.
  void connected(Dial& dial);
  // It has none; likewise.
  void gave_up(Dial& dial);
  void left(Tunnel& tunnel) noexcept;

 private:
  void admit(std::unique_ptr<Session> session);
  void cut_those_without_tunnel(EndReason reason) noexcept;

  evloop::EventLoop& loop_;
  ProxyConfig& config_;
  host::WorkloadCounters& counters_;
  OpenConnections open_;
  ByteTally tally_;
  SessionBook book_;
  PipePool pipes_;
  DeadlineWheel wheel_;
  UpstreamShare upstreams_;
  LinkedList<Greeting> greetings_;  // owned
  LinkedList<Dial> dials_;          // owned
  LinkedList<Tunnel> tunnels_;
  bool draining_ = false;
};

}  // namespace evloopd::workloads
