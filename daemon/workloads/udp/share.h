#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "aio/event_loop.h"
#include "host/workload.h"
#include "workloads/byte_tally.h"
#include "workloads/open_connections.h"
#include "workloads/options.h"
#include "workloads/proxy/admission.h"
#include "workloads/udp/counts.h"
#include "workloads/udp/datagram_batch.h"
#include "workloads/udp/session.h"
#include "workloads/udp/session_queue.h"
#include "workloads/upstreams/upstream_share.h"

namespace evloopd::workloads {

// What the loops of one udp.relay share.
struct UdpRelayConfig {
  explicit UdpRelayConfig(UdpRelayOptions relay);

  const UdpRelayOptions options;
  const std::shared_ptr<Pool> pool;
  Admission admission;
  UdpCounts counts;
};

// The share of a udp.relay: the sessions of one loop. Datagrams are received and sent in batches and never kept: what
// the system does not take at once is dropped. Loop thread only.
class UdpShare final : public host::WorkloadShare {
 public:
  // For answers that are under way to a client whose datagrams come to this share no more.
  static constexpr evloop::Duration time_for_answers = std::chrono::seconds(1);

  // `config` outlives it.
  UdpShare(evloop::EventLoop& loop, UdpRelayConfig& config, host::WorkloadCounters& counters);

  void datagrams_wait(const host::SharedSocket& socket) override;
  void datagrams_end(const host::SharedSocket& socket) override;
  void accepted(host::Accepted /*connection*/) override {}  // nobody connects
  [[nodiscard]] std::size_t connections() const override { return open_.size(); }
  // The host takes the sockets away, and that is what ends sessions.
  void drain() override {}
  void abort() override;

 private:
  struct Key {
    evloop::SocketAddress client;
    IpAddress destination;
    const host::ListeningSocket* listener;
    friend bool operator==(const Key&, const Key&) = default;
  };
  // Seeded: whoever can choose addresses cannot choose which of them collide.
  struct Hash {
    std::uint64_t seed;
    [[nodiscard]] std::size_t operator()(const Key& key) const noexcept;
  };

  // The session of a client, a new one if it has none. Null if it cannot have one; why is counted.
  [[nodiscard]] UdpSession* session_of(const evloop::SocketAddress& client, const IpAddress& destination,
                                       const host::SharedSocket& listener, evloop::TimePoint now);
  [[nodiscard]] std::unique_ptr<UdpSession> begin(const evloop::SocketAddress& client, const IpAddress& destination,
                                                  const host::SharedSocket& listener, evloop::TimePoint now);
  // Gives it an upstream.
  [[nodiscard]] bool connect(UdpSession& session, evloop::TimePoint now);
  void answers_wait(UdpSession& session);
  void to_upstream(UdpSession& session, std::size_t first, std::size_t count, evloop::TimePoint now);
  void to_client(UdpSession& session, std::size_t first, std::size_t count);
  void upstream_gone(UdpSession& session, int error, evloop::TimePoint now);
  void end(UdpSession& session, UdpEnd why);

  evloop::EventLoop& loop_;
  UdpRelayConfig& config_;
  host::WorkloadCounters& counters_;
  OpenConnections open_;
  ByteTally tally_;
  UpstreamShare upstreams_;
  DatagramBatch batch_;
  SessionQueue live_;     // those whose clients' datagrams come to this share
  SessionQueue leaving_;  // the others, which have only answers to wait for
  std::unordered_map<Key, std::unique_ptr<UdpSession>, Hash> sessions_;
};

}  // namespace evloopd::workloads
