#pragma once

#include <cstddef>
#include <exception>

#include "aio/event_loop.h"
#include "host/workload.h"
#include "net/protocol.h"
#include "net/socket_transport.h"
#include "workloads/byte_tally.h"
#include "workloads/linked_list.h"
#include "workloads/open_connections.h"

namespace evloopd::workloads {

class TcpConnection;

// The share of a kind that serves each client by itself, and of whose work only the client knows when it is done: a
// drain waits for the clients. The transports own the connections. Loop thread only.
class TcpShare : public host::WorkloadShare {
 public:
  TcpShare(evloop::EventLoop& loop, host::WorkloadCounters& counters)
      : loop_(loop), open_(counters), tally_(loop, counters) {}
  ~TcpShare() override;

  void accepted(host::Accepted accepted) final;
  [[nodiscard]] std::size_t connections() const final { return open_.size(); }
  void drain() final {}
  void abort() final;

  [[nodiscard]] ByteTally& tally() noexcept { return tally_; }

 private:
  friend class TcpConnection;

  [[nodiscard]] virtual evloop::Ref<TcpConnection> make_connection() = 0;

  evloop::EventLoop& loop_;
  OpenConnections open_;
  ByteTally tally_;
  LinkedList<TcpConnection> connections_;
};

// One client of such a share.
class TcpConnection : public evloop::Protocol, public LinkedList<TcpConnection>::Hook {
 public:
  explicit TcpConnection(TcpShare& share) : share_(&share), slot_(share.open_) { share.connections_.push_back(*this); }
  ~TcpConnection() override {
    if (share_) share_->connections_.remove(*this);
  }

  void connection_lost(std::exception_ptr error) final;

 protected:
  // While it is connected.
  [[nodiscard]] TcpShare& share() noexcept { return *share_; }
  [[nodiscard]] evloop::SocketTransport& transport() noexcept { return *transport_; }

 private:
  friend class TcpShare;

  TcpShare* share_;  // null once it is lost, or the share has gone
  evloop::SocketTransport* transport_ = nullptr;
  OpenConnections::Slot slot_;
  host::ListenerPlace place_;
};

}  // namespace evloopd::workloads
