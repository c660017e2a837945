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

TlsHandshake::TlsHandshake(ProxyShare& share, Side of, std::unique_ptr<Session> given)
    : side(of), session(std::move(given)), share_(share) {}

TlsHandshake::~TlsHandshake() {
  if (!self_) return;
  *self_ = nullptr;
  if (transport && !share_.loop().is_closed()) transport->abort();
}

void TlsHandshake::start(evloop::UniqueFd socket, const evloop::TlsUse& tls) {
  auto& loop = share_.loop();
  const auto waiter = loop.create_future();
  auto [below, upper] = tls.layer->wrap(loop, evloop::Ref<evloop::Protocol>(new Silence), tls.server_hostname, waiter);
  transport = std::move(upper);
  self_ = std::make_shared<TlsHandshake*>(this);
  waiter.add_done_callback([self = self_](const auto& done) {
    const auto failed = done.exception();  // which somebody has to ask for, or it is logged
    if (*self) (*self)->done(failed != nullptr);
  });
  evloop::SocketTransport::create(loop, std::move(socket), below);
  // After connection_made, which has been queued, and before anything is read.
  if (side == Side::client && !session->early.empty())
    loop.call_soon(
        [below, early = std::exchange(session->early, {})] { below->data_received({early.data(), early.size()}); });
}

void TlsHandshake::done(bool failed) {
  self_.reset();
  if (!failed) return share_.secured(*this);
  session->end(side == Side::client ? EndReason::client_tls_failed : EndReason::upstream_tls_failed);
  share_.gave_up(*this);
}

}  // namespace evloopd::workloads
