#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "host/workload.h"
#include "net/socket_address.h"
#include "net/tls_layer.h"
#include "workloads/byte_tally.h"
#include "workloads/linked_list.h"
#include "workloads/open_connections.h"
#include "workloads/options.h"
#include "workloads/proxy/access_log.h"
#include "workloads/proxy/admission.h"
#include "workloads/proxy/certificates.h"
#include "workloads/proxy/deadline_wheel.h"
#include "workloads/proxy/fault_switch.h"
#include "workloads/proxy/network_table.h"
#include "workloads/proxy/pipe_pool.h"
#include "workloads/proxy/server_names.h"
#include "workloads/proxy/session_book.h"
#include "workloads/proxy/tunnel.h"
#include "workloads/upstreams/upstream_share.h"

namespace evloopd::workloads {

class Dial;
class Greeting;
class TlsHandshake;

// What all loops of one tcp.proxy have in common. Any thread.
struct ProxyConfig {
  // Throws ValueError for an address or a network that is none, std::system_error and TlsError for a file that cannot
  // be used.
  explicit ProxyConfig(TcpProxyOptions given);

  const TcpProxyOptions options;
  // What to wrap a connection to an upstream in, at this address.
  [[nodiscard]] evloop::TlsUse tls_to(const Session& session, const evloop::SocketAddress& upstream) const;

  std::vector<std::shared_ptr<Pool>> pools;              // constant: the workload's own, then those of its routes
  ServerNames<std::size_t> routes;                       // constant: to one of these
  NetworkTable<bool> header_senders;                     // constant: whose connections begin with a PROXY header
  std::map<std::string, evloop::TlsClient> tls_clients;  // constant: by ALPN protocol; empty: no TLS with upstreams
  bool needs_addresses = false;                          // constant: of clients
  std::shared_ptr<Certificates> certificates;            // null: no TLS with clients
  std::atomic<evloop::TimePoint::rep> look_at_files_at{0};
  Admission admission;
  EndCounters ends;
  std::unique_ptr<AccessLog> access_log;  // null: none
  FaultSwitch faults;
};

// One loop's share of tcp.proxy: the clients that have to say something first, those that wait for an upstream, and the
// tunnels of those that have one. Loop thread only.
class ProxyShare final : public host::WorkloadShare {
 public:
  // `config` and `counters` outlive it.
  ProxyShare(evloop::EventLoop& loop, ProxyConfig& config, host::WorkloadCounters& counters);
  ~ProxyShare() override;

  void introduce(const host::ShareNames& names) override {
    book_.set_names(names);
    config_.faults.set_workload(names.workload);
  }
  void accepted(host::Accepted connection) override;
  [[nodiscard]] std::size_t connections() const override { return open_.size(); }
  // When a session has done its work, only its ends know; those that are cut at the end are counted as drained.
  void drain() override { draining_ = true; }
  void abort() override;

  // For greetings, handshakes, dials and tunnels.
  [[nodiscard]] evloop::EventLoop& loop() noexcept { return loop_; }
  [[nodiscard]] ProxyConfig& config() noexcept { return config_; }
  // For a client that asked for this name, or for none.
  [[nodiscard]] UpstreamShare& upstreams_for(std::string_view server_name) noexcept;
  [[nodiscard]] ByteTally& tally() noexcept { return tally_; }
  [[nodiscard]] PipePool& pipes() noexcept { return pipes_; }
  [[nodiscard]] DeadlineWheel& wheel() noexcept { return wheel_; }
  // The client has said who it is; the greeting is destroyed.
  void greeted(Greeting& greeting);
  // It has not; likewise.
  void gave_up(Greeting& greeting);
  // TLS is agreed on, with one or the other; the handshake is destroyed.
  void secured(TlsHandshake& handshake);
  // It is not; likewise.
  void gave_up(TlsHandshake& handshake);
  // The dial has an upstream; it is destroyed.
  void connected(Dial& dial);
  // It has none; likewise.
  void gave_up(Dial& dial);
  void left(Tunnel& tunnel) noexcept;

 private:
  void admit(std::unique_ptr<Session> session);
  void handshake(TlsHandshake& handshake, evloop::UniqueFd socket, const evloop::TlsUse& tls);
  void dial(std::unique_ptr<Session> session);
  void tunnel(std::unique_ptr<Session> session, Tunnel::Socket upstream);
  void look_at_certificates();
  void cut_those_without_tunnel(EndReason reason) noexcept;

  evloop::EventLoop& loop_;
  ProxyConfig& config_;
  host::WorkloadCounters& counters_;
  OpenConnections open_;
  ByteTally tally_;
  SessionBook book_;
  PipePool pipes_;
  DeadlineWheel wheel_;
  std::vector<std::unique_ptr<UpstreamShare>> upstreams_;  // of each pool
  LinkedList<Greeting> greetings_;                         // owned
  LinkedList<Dial> dials_;                                 // owned
  LinkedList<TlsHandshake> handshakes_;                    // owned
  LinkedList<Tunnel> tunnels_;
  bool draining_ = false;
};

}  // namespace evloopd::workloads
