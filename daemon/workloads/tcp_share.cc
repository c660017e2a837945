#include "workloads/tcp_share.h"

#include <utility>

namespace evloopd::workloads {

// The connections are cut, and nobody is told.
TcpShare::~TcpShare() {
  while (auto* connection = connections_.front()) {
    connections_.remove(*connection);
    connection->slot_.release();
    connection->place_.release();
    connection->share_ = nullptr;
    connection->transport_->abort();
  }
}

void TcpShare::accepted(host::Accepted accepted) {
  const auto connection = make_connection();
  connection->place_ = std::move(accepted.place);
  connection->transport_ = evloop::SocketTransport::create(loop_, std::move(accepted.socket), connection).get();
}

void TcpShare::abort() {
  for (auto* connection = connections_.front(); connection; connection = connection->next())
    connection->transport_->abort();
}

void TcpConnection::connection_lost(std::exception_ptr /*error*/) {
  slot_.release();
  place_.release();
  if (auto* share = std::exchange(share_, nullptr)) share->connections_.remove(*this);
}

}  // namespace evloopd::workloads
