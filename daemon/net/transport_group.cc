#include "net/transport_group.h"

#include "net/socket_transport.h"

namespace evloop {
namespace {

// The one the program's protocol knows: it takes its leave before the socket's is closed, as TLS does.
Transport& uppermost(Transport& transport) {
  const auto protocol = transport.get_protocol();
  auto* const upper = protocol ? protocol->upper_transport() : nullptr;
  return upper ? uppermost(*upper) : transport;
}

}  // namespace

void TransportGroup::attach(SocketTransport& transport) noexcept {
  transport.next_in_group_ = first_;
  if (first_) first_->previous_in_group_ = &transport;
  first_ = &transport;
  ++size_;
}

void TransportGroup::detach(SocketTransport& transport) {
  auto* const next = transport.next_in_group_;
  auto* const previous = transport.previous_in_group_;
  (previous ? previous->next_in_group_ : first_) = next;
  if (next) next->previous_in_group_ = previous;
  transport.next_in_group_ = transport.previous_in_group_ = nullptr;
  if (--size_ == 0) emptied();
}

// Neither calls connection_lost, so the list stays as it is.
void TransportGroup::close_all() {
  for (auto* transport = first_; transport; transport = transport->next_in_group_) uppermost(*transport).close();
}

void TransportGroup::abort_all() {
  for (auto* transport = first_; transport; transport = transport->next_in_group_) transport->abort();
}

}  // namespace evloop
