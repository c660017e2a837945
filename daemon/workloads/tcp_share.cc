#include "workloads/tcp_share.h"

#include <utility>

namespace evloopd::workloads {

// The connections are cut, and nobody is told.
TcpShare::~TcpShare() {
  while (auto* connection = connections_.front()) {
    connections_.remove(*connection);
    connection->slot_.release();
    connection->share_ = nullptr;
    connection->transport_->abort();
  }
}

void TcpShare::accepted(evloop::UniqueFd socket) {
  const auto connection = make_connection();
  connection->transport_ = evloop::SocketTransport::create(loop_, std::move(socket), connection).get();
}

void TcpShare::abort() {
  for (auto* connection = connections_.front(); connection; connection = connection->next())
    connection->transport_->abort();
}

void TcpConnection::connection_lost(std::exception_ptr /*error*/) {
  slot_.release();
  if (auto* share = std::exchange(share_, nullptr)) share->connections_.remove(*this);
}

}  // namespace evloopd::workloads
