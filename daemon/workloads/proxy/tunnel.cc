#include "workloads/proxy/tunnel.h"

#include <sys/socket.h>

#include <exception>
#include <memory>
#include <span>
#include <utility>

#include "net/protocol.h"
#include "net/socket_transport.h"
#include "workloads/proxy/bulk.h"
#include "workloads/proxy/share.h"
#include "workloads/proxy/splice.h"

namespace evloopd::workloads {

// One of the two sockets. What it receives, it writes to the other straight from the loop's receive buffer, and it
// reads nothing while the other has too much to write.
class Tunnel::End final : public evloop::Protocol, public SpliceOwner {
 public:
  using Counter = void (ByteTally::*)(std::size_t bytes);

  End(Tunnel& tunnel, Counter received) noexcept : tunnel_(tunnel), received_(received) {}
  // Also without connection_lost, when the loop is closed.
  ~End() override {
    if (other_) other_->other_ = nullptr;
    if (!lost_) tunnel_.lost(*this);
  }

  void open(evloop::UniqueFd socket, End& other) {
    other_ = &other;
    auto& share = *tunnel_.share_;
    const auto limit = share.config().options.buffer;
    transport_ = evloop::SocketTransport::create(share.loop(), std::move(socket), evloop::Ref<End>(this)).get();
    transport_->set_write_buffer_limits(limit);
  }
  void abort() { transport_->abort(); }

  void data_received(std::span<const std::byte> data) override {
    count(data.size());
    other_->transport_->write(data);
    streak_ = data.size() < bulk_chunk ? 0 : streak_ + 1;
    if (streak_ >= bulk_streak) [[unlikely]]
      begin_splice();
  }

  // Half-close is passed on; the second one ends the tunnel.
  bool eof_received() override {
    ended_ = true;
    if (other_->ended_) {
      other_->transport_->close();
      return false;
    }
    other_->transport_->write_eof();
    return true;
  }

  void pause_writing() override {
    if (other_) other_->transport_->pause_reading();
  }
  void resume_writing() override {
    if (other_) other_->transport_->resume_reading();
  }

  void connection_lost(std::exception_ptr error) override {
    if (auto* other = std::exchange(other_, nullptr)) {
      other->other_ = nullptr;
      // After the end of its data an error only means that it takes no more: what it had sent is still delivered.
      if (error && !ended_) {
        other->reset();
      } else {
        other->transport_->close();
      }
    }
    lost_ = true;
    tunnel_.lost(*this);
  }

 private:
  void spliced(std::size_t bytes) override { count(bytes); }
  void count(std::size_t bytes) { (tunnel_.share_->tally().*received_)(bytes); }

  // As soon as the other socket takes all that it is given.
  void begin_splice() {
    streak_ = 0;
    if (!other_ || other_->transport_->get_write_buffer_size() > 0 || transport_->is_closing()) return;
    if (!splice_) {
      auto& share = *tunnel_.share_;
      splice_ = std::make_unique<Splice>(share.pipes(), *transport_, evloop::Ref(other_->transport_),
                                         share.config().options.buffer, *this);
    }
    splice_->begin();
  }

  // Has the peer see a reset, not an end of data.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(transport_->fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    transport_->abort();
  }

  Tunnel& tunnel_;
  const Counter received_;
  End* other_ = nullptr;  // null once one of them is lost
  evloop::SocketTransport* transport_ = nullptr;
  bool ended_ = false;  // its peer sends no more
  bool lost_ = false;
  int streak_ = 0;  // receives in a row that brought much
  std::unique_ptr<Splice> splice_;  // from here to the other, once there was much
};

Tunnel::Tunnel(ProxyShare& share, Balancer::Place place, OpenConnections::Slot slot) noexcept
    : share_(&share), place_(std::move(place)), slot_(std::move(slot)) {}

void Tunnel::start(evloop::UniqueFd client, evloop::UniqueFd upstream) {
  const evloop::Ref<End> near(client_ = new End(*this, &ByteTally::in));
  const evloop::Ref<End> far(upstream_ = new End(*this, &ByteTally::out));
  near->open(std::move(client), *far);
  far->open(std::move(upstream), *near);
}

void Tunnel::abort() {
  if (client_) client_->abort();
  if (upstream_) upstream_->abort();
}

void Tunnel::orphan() {
  share_ = nullptr;
  place_ = {};
  slot_.release();
  abort();
}

void Tunnel::lost(End& end) noexcept {
  (&end == client_ ? client_ : upstream_) = nullptr;
  if (client_ || upstream_) return;
  if (share_) share_->left(*this);
  delete this;
}

}  // namespace evloopd::workloads
