#include "workloads/proxy/tunnel.h"

#include <sys/socket.h>

#include <algorithm>
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
namespace {

using evloop::Duration;

// A timeout is at most this part of itself late.
constexpr int looks = 4;

}  // namespace

// One of the two sockets. What it receives, it writes to the other straight from the loop's receive buffer, and it
// reads nothing while the other has too much to write. When much comes, it has it spliced.
class Tunnel::End final : public evloop::Protocol, public SpliceOwner {
 public:
  using Counter = void (ByteTally::*)(std::size_t bytes);

  End(Tunnel& tunnel, Counter received) noexcept : tunnel_(tunnel), counter_(received) {}
  // Also without connection_lost, when the loop is closed.
  ~End() override {
    if (other_) other_->other_ = nullptr;
    if (!lost_) tunnel_.lost(*this);
  }

  void open(Socket socket, End& other) {
    other_ = &other;
    auto& share = *tunnel_.share_;
    if (auto* const plain = std::get_if<evloop::UniqueFd>(&socket)) {
      plain_ = evloop::SocketTransport::create(share.loop(), std::move(*plain), evloop::Ref<End>(this)).get();
      transport_ = plain_;
    } else {
      // It is its own as long as its socket is open.
      transport_ = std::get<evloop::Ref<evloop::Transport>>(socket).get();
      transport_->set_protocol(evloop::Ref<End>(this));
    }
    transport_->set_write_buffer_limits(share.config().options.buffer);
  }
  // Of one with TLS, which has waited.
  void begin() {
    if (!plain_) transport_->resume_reading();
  }
  void abort() { transport_->abort(); }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }

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
    if (!other_) return false;  // TLS also tells of the end that it has asked for
    tunnel_.ended(*this);
    auto& to = *other_->transport_;
    // TLS has no half-closed connections: there the first one ends it.
    if (other_->ended_ || !to.can_write_eof()) {
      to.close();
      return false;
    }
    to.write_eof();
    return transport_->can_write_eof();
  }

  void pause_writing() override {
    if (other_) other_->transport_->pause_reading();
  }
  void resume_writing() override {
    if (other_) other_->transport_->resume_reading();
  }

  void connection_lost(std::exception_ptr error) override {
    if (error && !ended_) tunnel_.failed(*this);
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
  void count(std::size_t bytes) {
    if (received_ == 0) [[unlikely]]
      tunnel_.first_byte(*this);
    received_ += bytes;
    (tunnel_.share_->tally().*counter_)(bytes);
  }

  // As soon as the other socket takes all that it is given.
  void begin_splice() {
    streak_ = 0;
    if (!plain_ || !other_ || !other_->plain_ || other_->transport_->get_write_buffer_size() > 0 ||
        transport_->is_closing())
      return;
    if (!splice_) {
      auto& share = *tunnel_.share_;
      splice_ = std::make_unique<Splice>(share.pipes(), *plain_, evloop::Ref(other_->plain_),
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
  const Counter counter_;
  End* other_ = nullptr;  // null once one of them is lost
  evloop::Transport* transport_ = nullptr;
  evloop::SocketTransport* plain_ = nullptr;  // the same, unless it is one with TLS
  std::uint64_t received_ = 0;
  int streak_ = 0;      // receives in a row that brought much
  bool ended_ = false;  // its peer sends no more
  bool lost_ = false;
  std::unique_ptr<Splice> splice_;  // from here to the other, once there was much
};

Tunnel::Tunnel(ProxyShare& share, std::unique_ptr<Session> session) noexcept
    : share_(&share), session_(std::move(session)), active_(*session_->connected) {}

void Tunnel::start(Socket upstream) {
  const evloop::Ref<End> near(client_ = new End(*this, &ByteTally::in));
  const evloop::Ref<End> far(upstream_ = new End(*this, &ByteTally::out));
  near->open(session_->transport ? Socket(std::move(session_->transport)) : Socket(std::move(session_->socket)), *far);
  far->open(std::move(upstream), *near);
  if (auto early = std::exchange(session_->early, {}); !early.empty())
    near->data_received({early.data(), early.size()});
  near->begin();
  far->begin();
  watch_times(active_);
}

void Tunnel::abort(EndReason reason) {
  session_->end(reason);
  if (client_) client_->abort();
  if (upstream_) upstream_->abort();
}

void Tunnel::orphan() {
  share_->wheel().leave(*this);
  abort(EndReason::aborted);
  session_.reset();
  share_ = nullptr;
}

// --- what the ends tell ---

void Tunnel::first_byte(const End& from) noexcept {
  if (&from != upstream_) return;
  session_->first_byte = share_->loop().time();
  session_->place.served();
}

void Tunnel::ended(const End& end) {
  session_->closed_first(&end == client_ ? EndReason::client_closed : EndReason::upstream_closed);
  if (std::exchange(half_closed_, true)) return;
  // Another timeout counts from here on.
  const auto now = share_->loop().time();
  active_ = now;
  moved_ = moved();
  watch_times(now);
}

void Tunnel::failed(const End& end) noexcept {
  if (!session_) return;
  if (&end == upstream_ && !session_->first_byte) session_->place.reset_early(share_->loop().time());
  session_->end(&end == client_ ? EndReason::client_reset : EndReason::upstream_reset);
}

void Tunnel::lost(End& end) noexcept {
  if (session_) (&end == client_ ? session_->bytes_in : session_->bytes_out) = end.received();
  (&end == client_ ? client_ : upstream_) = nullptr;
  if (client_ || upstream_) return;
  if (share_) {
    share_->wheel().leave(*this);
    share_->left(*this);
  }
  delete this;
}

// --- time ---

std::uint64_t Tunnel::moved() const noexcept {
  return (client_ ? client_->received() : session_->bytes_in) +
         (upstream_ ? upstream_->received() : session_->bytes_out);
}

void Tunnel::look() {
  const auto now = share_->loop().time();
  if (const auto all = moved(); all != moved_) {
    moved_ = all;
    active_ = now;
  }
  watch_times(now);
}

// Ends what is over its time, or has it looked at again.
void Tunnel::watch_times(evloop::TimePoint now) {
  const auto& timeouts = share_->config().options.connection.timeouts;
  auto next = Duration::max();
  const auto is_over = [&](Duration timeout, evloop::TimePoint since, Duration look_after) {
    if (timeout <= Duration::zero()) return false;
    const auto left = timeout - (now - since);
    next = std::min({next, left, look_after});
    return left <= Duration::zero();
  };
  if (is_over(timeouts.lifetime, session_->accepted, timeouts.lifetime)) return abort(EndReason::lifetime);
  if (!session_->first_byte && is_over(timeouts.first_byte, *session_->connected, timeouts.first_byte))
    return abort(EndReason::first_byte_timeout);
  const auto [quiet, reason] = half_closed_ && timeouts.half_close > Duration::zero()
                                   ? std::pair(timeouts.half_close, EndReason::half_close_timeout)
                                   : std::pair(timeouts.idle, EndReason::idle_timeout);
  if (is_over(quiet, active_, quiet / looks)) return abort(reason);
  if (next < Duration::max()) share_->wheel().join(*this, next);
}

}  // namespace evloopd::workloads
