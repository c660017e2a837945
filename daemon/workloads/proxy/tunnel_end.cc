#include "workloads/proxy/tunnel_end.h"

#include <sys/socket.h>

#include <utility>
#include <variant>

#include "workloads/proxy/bulk.h"
#include "workloads/proxy/share.h"

namespace evloopd::workloads {

Tunnel::End::~End() {
  if (other_) other_->other_ = nullptr;
  if (!lost_) tunnel_.lost(*this);
}

void Tunnel::End::open(Socket socket, End& other) {
  other_ = &other;
  if (auto* const plain = std::get_if<evloop::UniqueFd>(&socket)) {
    plain_ = evloop::SocketTransport::create(tunnel_.share_->loop(), std::move(*plain), evloop::Ref<End>(this)).get();
    transport_ = plain_;
  } else {
    // It is its own as long as its socket is open.
    transport_ = std::get<evloop::Ref<evloop::Transport>>(socket).get();
    transport_->set_protocol(evloop::Ref<End>(this));
  }
  transport_->set_write_buffer_limits(write_buffer());
}

std::size_t Tunnel::End::write_buffer() const noexcept { return tunnel_.share_->config().options.buffer; }

void Tunnel::End::data_received(std::span<const std::byte> data) {
  count(data.size());
  other_->transport_->write(data);
  streak_ = data.size() < bulk_chunk ? 0 : streak_ + 1;
  if (streak_ >= bulk_streak) [[unlikely]]
    begin_splice();
}

// Half-close is passed on; the second one ends the tunnel.
bool Tunnel::End::eof_received() {
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

void Tunnel::End::pause_writing() {
  if (other_) other_->transport_->pause_reading();
}

void Tunnel::End::resume_writing() {
  if (other_) other_->transport_->resume_reading();
}

void Tunnel::End::connection_lost(std::exception_ptr error) {
  if (error && !ended_) tunnel_.failed(*this);
  if (auto* other = std::exchange(other_, nullptr)) {
    other->other_ = nullptr;
    // After the end of its data an error only means that it takes no more: what it had sent is still delivered.
    if (error && !ended_) {
      other->reset();
    } else {
      other->other_closed();
    }
  }
  lost_ = true;
  tunnel_.lost(*this);
}

void Tunnel::End::count(std::size_t bytes) {
  if (received_ == 0) [[unlikely]]
    tunnel_.first_byte(*this);
  received_ += bytes;
  (tunnel_.share_->tally().*counter_)(bytes);
}

// As soon as the other socket takes all that it is given.
void Tunnel::End::begin_splice() {
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

void Tunnel::End::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(transport_->fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  transport_->abort();
}

}  // namespace evloopd::workloads
