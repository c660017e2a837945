#include "workloads/tcp_echo.h"

#include <cstddef>
#include <exception>
#include <span>
#include <utility>

#include "aio/event_loop.h"
#include "net/protocol.h"
#include "net/socket_transport.h"
#include "workloads/byte_tally.h"
#include "workloads/linked_list.h"
#include "workloads/open_connections.h"

namespace evloopd::workloads {
namespace {

class EchoConnection;

class EchoShare final : public host::WorkloadShare {
 public:
  EchoShare(evloop::EventLoop& loop, host::WorkloadCounters& counters)
      : loop_(loop), open_(counters), tally_(loop, counters) {}
  ~EchoShare() override;

  void accepted(evloop::UniqueFd connection) override;
  [[nodiscard]] std::size_t connections() const override { return open_.size(); }
  void drain() override {}  // when an echo has done its work, only its client knows
  void abort() override;

 private:
  friend class EchoConnection;

  evloop::EventLoop& loop_;
  OpenConnections open_;
  ByteTally tally_;
  LinkedList<EchoConnection> connections_;
};

class EchoConnection final : public evloop::Protocol, public LinkedList<EchoConnection>::Hook {
 public:
  static void open(EchoShare& share, evloop::UniqueFd socket) {
    const evloop::Ref<EchoConnection> connection(new EchoConnection(share));
    connection->transport_ = evloop::SocketTransport::create(share.loop_, std::move(socket), connection).get();
  }
  ~EchoConnection() override {
    if (share_) share_->connections_.remove(*this);
  }

  void data_received(std::span<const std::byte> data) override {
    share_->tally_.in(data.size());
    share_->tally_.out(data.size());
    transport_->write(data);
  }
  void pause_writing() override { transport_->pause_reading(); }
  void resume_writing() override { transport_->resume_reading(); }
  void connection_lost(std::exception_ptr /*error*/) override {
    slot_.release();
    if (auto* share = std::exchange(share_, nullptr)) share->connections_.remove(*this);
  }

  void abort() { transport_->abort(); }
  // The share goes away: the connection is cut, and nobody is told.
  void orphan() {
    slot_.release();
    share_ = nullptr;
    transport_->abort();
  }

 private:
  explicit EchoConnection(EchoShare& share) : share_(&share), slot_(share.open_) {
    share.connections_.push_back(*this);
  }

  EchoShare* share_;  // null once it is lost or orphaned
  evloop::SocketTransport* transport_ = nullptr;
  OpenConnections::Slot slot_;
};

EchoShare::~EchoShare() {
  while (auto* connection = connections_.front()) {
    connections_.remove(*connection);
    connection->orphan();
  }
}

void EchoShare::accepted(evloop::UniqueFd connection) { EchoConnection::open(*this, std::move(connection)); }

void EchoShare::abort() {
  for (auto* connection = connections_.front(); connection; connection = connection->next()) connection->abort();
}

}  // namespace

std::unique_ptr<host::WorkloadShare> TcpEcho::attach(evloop::EventLoop& loop) {
  return std::make_unique<EchoShare>(loop, counters_);
}

}  // namespace evloopd::workloads
