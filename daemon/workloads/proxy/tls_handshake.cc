#include "workloads/proxy/tls_handshake.h"

#include <utility>

#include "net/protocol.h"
#include "net/socket_transport.h"
#include "workloads/proxy/share.h"

namespace evloopd::workloads {

// The protocol meanwhile: has nothing read that nobody could take yet.
class TlsHandshake::Silence final : public evloop::Protocol {
  void connection_made(evloop::Transport& made) override { made.pause_reading(); }
};

TlsHandshake::TlsHandshake(ProxyShare& share, Side of, std::unique_ptr<Session> given, Place taken)
    : side(of), session(std::move(given)), place(std::move(taken)), share_(share) {}

TlsHandshake::~TlsHandshake() {
  if (!waiting_) return;
  waiter_.remove_done_callback(callback_);
  waiter_.cancel();
  if (!share_.loop().is_closed()) transport->abort();
}

void TlsHandshake::start(evloop::UniqueFd socket, const evloop::TlsUse& tls) {
  auto& loop = share_.loop();
  waiter_ = loop.create_future();
  auto [below, upper] = tls.layer->wrap(loop, evloop::Ref<evloop::Protocol>(new Silence), tls.server_hostname, waiter_);
  transport = std::move(upper);
  waiting_ = true;
  callback_ = waiter_.add_done_callback([this](const auto&) { done(); });
  evloop::SocketTransport::create(loop, std::move(socket), below);
  // After connection_made, which has been queued, and before anything is read.
  if (side == Side::client && !session->early.empty())
    loop.call_soon([below, early = std::exchange(session->early, {})] {
      below->data_received({early.data(), early.size()});
    });
}

void TlsHandshake::done() {
  waiting_ = false;
  if (!waiter_.exception()) return share_.secured(*this);
  session->end(side == Side::client ? EndReason::client_tls_failed : EndReason::upstream_tls_failed);
  share_.gave_up(*this);
}

}  // namespace evloopd::workloads
