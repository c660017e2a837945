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
#include "net/tls_layer.h"

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
  TlsClient tls = nullptr;       // made by tls_client(); null: without TLS
};

// A connected socket, TCP_NODELAY not set yet. The addresses are tried in order; the first that connects wins
// (CONN-05). Throws std::system_error, of what all of them failed with.
Coro<UniqueFd> connect_stream(EventLoop& loop, std::string host, Port port, ConnectOptions options = {});
Coro<UniqueFd> connect_stream(EventLoop& loop, std::vector<SocketAddress> addresses, ConnectOptions options = {});
Coro<UniqueFd> connect_unix(EventLoop& loop, std::string path);

// What a protocol factory `F`, called without arguments, makes: it answers Ref<P>.
template <class F>
using ProtocolOf = std::remove_pointer_t<decltype(std::declval<std::invoke_result_t<F&>>().get())>;

// A transport for a connected non-blocking stream socket, which it takes over, once `protocol` knows it.
Coro<Ref<Transport>> begin_connection(EventLoop& loop, UniqueFd sock, Ref<BaseProtocol> protocol, TlsUse tls);

// Makes protocol and transport for a connected stream socket, which it takes over, also when it fails (CONN-10), and
// waits for connection_made. Throws ValueError for another kind of socket.
template <class F>
Coro<Connection<ProtocolOf<F>>> connect_socket(EventLoop& loop, F factory, UniqueFd sock, TlsUse tls) {
  check_stream_socket(sock.get());
  set_non_blocking(sock.get());
  Ref<ProtocolOf<F>> protocol = factory();
  auto transport = co_await begin_connection(loop, std::move(sock), protocol, std::move(tls));
  co_return {std::move(transport), std::move(protocol)};
}
// ... for one that was accepted elsewhere: the server's side (SRV-23). `tls`: made by tls_server().
template <class F>
Coro<Connection<ProtocolOf<F>>> connect_accepted_socket(EventLoop& loop, F factory, UniqueFd sock,
                                                        TlsServer tls = nullptr) {
  co_return co_await connect_socket(loop, std::move(factory), std::move(sock), TlsUse{std::move(tls)});
}

// Connects, and makes protocol and transport: asyncio's create_connection. Bound in time by wait_for().
template <class F>
Coro<Connection<ProtocolOf<F>>> create_connection(EventLoop& loop, F factory, std::string host, Port port,
                                                  ConnectOptions options = {}) {
  auto tls = tls_to(options.tls, host);
  auto sock = co_await connect_stream(loop, std::move(host), std::move(port), std::move(options));
  co_return co_await connect_socket(loop, std::move(factory), std::move(sock), std::move(tls));
}
// ... to an address that needs no lookup, IP or unix.
template <class F>
Coro<Connection<ProtocolOf<F>>> create_connection(EventLoop& loop, F factory, SocketAddress address,
                                                  ConnectOptions options = {}) {
  auto tls = address.is_unix() ? tls_to_unix(options.tls) : tls_to(options.tls, address.host());
  auto sock = co_await connect_stream(loop, std::vector{address}, std::move(options));
  co_return co_await connect_socket(loop, std::move(factory), std::move(sock), std::move(tls));
}
// ... of a connected socket.
template <class F>
Coro<Connection<ProtocolOf<F>>> create_connection(EventLoop& loop, F factory, UniqueFd sock, TlsClient tls = nullptr) {
  co_return co_await connect_socket(loop, std::move(factory), std::move(sock), tls_to(std::move(tls), ""));
}
template <class F>
Coro<Connection<ProtocolOf<F>>> create_unix_connection(EventLoop& loop, F factory, std::string path,
                                                       TlsClient tls = nullptr) {
  auto use = tls_to_unix(std::move(tls));
  auto sock = co_await connect_unix(loop, std::move(path));
  co_return co_await connect_socket(loop, std::move(factory), std::move(sock), std::move(use));
}
// Throws ValueError for any other kind of socket (UNIX-04).
template <class F>
Coro<Connection<ProtocolOf<F>>> create_unix_connection(EventLoop& loop, F factory, UniqueFd sock,
                                                       TlsClient tls = nullptr) {
  check_unix_stream_socket(sock.get());
  co_return co_await connect_socket(loop, std::move(factory), std::move(sock), tls_to_unix(std::move(tls)));
}

}  // namespace evloop
