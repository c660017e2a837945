#pragma once

#include <utility>
#include <variant>

#include "aio/event_loop.h"
#include "aio/settled.h"
#include "net/connection.h"
#include "net/socket_datagram_transport.h"

namespace evloop {

class Resolver;

// A datagram endpoint that has begun: its protocol's connection_made has been called.
template <class P>
struct DatagramEndpoint {
  Ref<DatagramTransport> transport;
  Ref<P> protocol;
};

// None; a host to look up; or an address as it is, IP or unix.
using DatagramAddress = std::variant<std::monostate, HostPort, SocketAddress>;

struct DatagramOptions {
  DatagramAddress local_addr{};   // to bind to. A unix path that is a socket is replaced (DGRAM-04)
  DatagramAddress remote_addr{};  // the only destination: connected to, except with allow_broadcast (DGRAM-03)
  int family = AF_UNSPEC;
  int proto = 0;
  int flags = 0;                 // of getaddrinfo()
  bool reuse_port = false;       // SO_REUSEPORT
  bool allow_broadcast = false;  // SO_BROADCAST
  Resolver* resolver = nullptr;  // null: getaddrinfo()
};

struct DatagramSocket {
  UniqueFd fd;           // non-blocking, bound and connected as wanted
  SocketAddress remote;  // empty if none was given
};

// The socket for create_datagram_endpoint(): the first of the addresses' families that can be had. Throws ValueError
// (DGRAM-01); std::system_error, of what the first family failed with (DGRAM-02).
Coro<DatagramSocket> open_datagram_socket(EventLoop& loop, DatagramOptions options);

// Makes protocol and transport for a datagram socket, which it takes over, also when it fails, and waits for
// connection_made.
template <class F>
Coro<DatagramEndpoint<ProtocolOf<F>>> begin_datagram_endpoint(EventLoop& loop, F factory, DatagramSocket socket) {
  Ref<ProtocolOf<F>> protocol = factory();
  auto waiter = loop.create_future();
  Ref<DatagramTransport> transport =
      SocketDatagramTransport::create(loop, std::move(socket.fd), protocol, socket.remote, waiter);
  const auto begun = co_await settled(std::move(waiter));
  if (!begun.has_value()) {
    transport->close();
    std::rethrow_exception(begun.error());
  }
  co_return {std::move(transport), std::move(protocol)};
}

// asyncio's create_datagram_endpoint. `factory` answers Ref<P>, P a DatagramProtocol.
template <class F>
Coro<DatagramEndpoint<ProtocolOf<F>>> create_datagram_endpoint(EventLoop& loop, F factory, DatagramOptions options) {
  auto socket = co_await open_datagram_socket(loop, std::move(options));
  co_return co_await begin_datagram_endpoint(loop, std::move(factory), std::move(socket));
}
// ... of a socket that is bound and connected as it shall be.
template <class F>
Coro<DatagramEndpoint<ProtocolOf<F>>> create_datagram_endpoint(EventLoop& loop, F factory, UniqueFd sock) {
  check_datagram_socket(sock.get());
  set_non_blocking(sock.get());
  DatagramSocket socket{.fd = std::move(sock), .remote = {}};
  co_return co_await begin_datagram_endpoint(loop, std::move(factory), std::move(socket));
}

}  // namespace evloop
