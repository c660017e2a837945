#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "aio/event_loop.h"
#include "aio/settled.h"
#include "base/unique_fd.h"
#include "net/port.h"
#include "net/socket.h"
#include "net/socket_transport.h"

namespace evloop {

class Resolver;

// A connection that has begun: its protocol's connection_made has been called.
template <class P>
struct Connection {
  Ref<Transport> transport;
  Ref<P> protocol;
};

struct ConnectOptions {
  int family = AF_UNSPEC;
  int flags = 0;                                      // of getaddrinfo()
  std::optional<HostPort> local_addr = std::nullopt;  // bound to before connecting (CONN-06)
  // Happy eyeballs: how long to wait for one address before the next is tried as well (CONN-11 to CONN-15).
  std::optional<Duration> happy_eyeballs_delay = std::nullopt;
  // How many addresses of the first family come before the families take turns; 0: as the resolver says. By default 1
  // with happy eyeballs, else 0.
  std::optional<std::size_t> interleave = std::nullopt;
  bool all_errors = false;       // throw them as an ExceptionGroup (CONN-07)
  Resolver* resolver = nullptr;  // null: getaddrinfo()
};

// A connected socket, TCP_NODELAY not set yet. The addresses are tried in order; the first that connects wins
// (CONN-05). Throws std::system_error, of what all of them failed with.
Coro<UniqueFd> connect_stream(EventLoop& loop, std::string host, Port port, ConnectOptions options = {});
Coro<UniqueFd> connect_stream(EventLoop& loop, std::vector<SocketAddress> addresses, ConnectOptions options = {});
Coro<UniqueFd> connect_unix(EventLoop& loop, std::string path);

// What a protocol factory `F`, called without arguments, makes: it answers Ref<P>.
template <class F>
using ProtocolOf = std::remove_pointer_t<decltype(std::declval<std::invoke_result_t<F&>>().get())>;

// Makes protocol and transport for a connected stream socket, which it takes over, also when it fails (CONN-10), and
// waits for connection_made. For one that was accepted elsewhere, too (SRV-23). Throws ValueError for another kind of
// socket.
template <class F>
Coro<Connection<ProtocolOf<F>>> connect_accepted_socket(EventLoop& loop, F factory, UniqueFd sock) {
  check_stream_socket(sock.get());
  set_non_blocking(sock.get());
  Ref<ProtocolOf<F>> protocol = factory();
  auto waiter = loop.create_future();
  Ref<Transport> transport = SocketTransport::create(loop, std::move(sock), protocol, nullptr, waiter);
  const auto begun = co_await settled(std::move(waiter));
  if (!begun.has_value()) {
    transport->close();
    std::rethrow_exception(begun.error());
  }
  co_return {std::move(transport), std::move(protocol)};
}

// Connects, and makes protocol and transport: asyncio's create_connection. Bound in time by wait_for().
template <class F>
Coro<Connection<ProtocolOf<F>>> create_connection(EventLoop& loop, F factory, std::string host, Port port,
                                                  ConnectOptions options = {}) {
  auto sock = co_await connect_stream(loop, std::move(host), std::move(port), std::move(options));
  co_return co_await connect_accepted_socket(loop, std::move(factory), std::move(sock));
}
// ... to an address that needs no lookup, IP or unix.
template <class F>
Coro<Connection<ProtocolOf<F>>> create_connection(EventLoop& loop, F factory, SocketAddress address,
                                                  ConnectOptions options = {}) {
  auto sock = co_await connect_stream(loop, std::vector{address}, std::move(options));
  co_return co_await connect_accepted_socket(loop, std::move(factory), std::move(sock));
}
// ... of a connected socket.
template <class F>
Coro<Connection<ProtocolOf<F>>> create_connection(EventLoop& loop, F factory, UniqueFd sock) {
  return connect_accepted_socket(loop, std::move(factory), std::move(sock));
}
template <class F>
Coro<Connection<ProtocolOf<F>>> create_unix_connection(EventLoop& loop, F factory, std::string path) {
  auto sock = co_await connect_unix(loop, std::move(path));
  co_return co_await connect_accepted_socket(loop, std::move(factory), std::move(sock));
}
// Throws ValueError for any other kind of socket (UNIX-04).
template <class F>
Coro<Connection<ProtocolOf<F>>> create_unix_connection(EventLoop& loop, F factory, UniqueFd sock) {
  check_unix_stream_socket(sock.get());
  co_return co_await connect_accepted_socket(loop, std::move(factory), std::move(sock));
}

}  // namespace evloop
