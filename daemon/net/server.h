#pragma once

#include <netdb.h>

#include <functional>
#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "aio/settled.h"
#include "base/unique_fd.h"
#include "net/port.h"
#include "net/protocol.h"
#include "net/socket.h"
#include "net/tls_layer.h"

namespace evloop {

class Resolver;
class ServerState;

// Makes the protocol of one connection. Called on the loop's thread.
using ProtocolFactory = std::function<Ref<BaseProtocol>()>;

// Listens, and makes a transport and a protocol for each connection. Move-only; closes when it is destroyed. Its
// connections live on without it. Loop thread only; the loop outlives it.
class Server {
 public:
  struct Socket {
    int fd;  // the server's: to look at, not to accept from or close
    SocketAddress address;
  };

  Server() noexcept;  // no server at all
  explicit Server(Ref<ServerState> state) noexcept;
  Server(Server&& other) noexcept;
  Server& operator=(Server&& other) noexcept;
  ~Server();

  // Begins to listen; idempotent (SRV-07). Throws LoopError when closed (SRV-08).
  Coro<void> start_serving();
  // ... and waits until it is cancelled or closed: then it closes the server and its connections, waits for them, and
  // throws CancelledError (SRV-20, SRV-21).
  Coro<void> serve_forever();
  [[nodiscard]] bool is_serving() const noexcept;
  // What it listens on; none after close() (SRV-16).
  [[nodiscard]] std::vector<Socket> sockets() const;
  [[nodiscard]] EventLoop& get_loop() const noexcept;

  // Stops to accept and closes the listening sockets; connections stay. Idempotent (SRV-17).
  void close();
  // Until it is closed and its last connection has gone, also when called before close() (SRV-18).
  Coro<void> wait_closed();
  // Ends the connections it has now: gently, flushing what is buffered, or at once (SRV-19).
  void close_clients();
  void abort_clients();

 private:
  Ref<ServerState> state_;
};

struct ServerOptions {
  int family = AF_UNSPEC;
  int flags = AI_PASSIVE;  // of getaddrinfo()
  int backlog = 100;
  bool reuse_address = true;
  bool reuse_port = false;
  bool keep_alive = false;
  bool start_serving = true;     // false: bound, but not listening yet
  Resolver* resolver = nullptr;  // null: getaddrinfo()
  TlsServer tls = nullptr;       // made by tls_server(); null: without TLS
};

// Serves every address that the host has; an empty host: all interfaces (SRV-01 to SRV-07). Throws ValueError, or
// std::system_error naming the address.
Coro<Server> create_server(EventLoop& loop, ProtocolFactory factory, std::string host, Port port,
                           ServerOptions options = {});
Coro<Server> create_server(EventLoop& loop, ProtocolFactory factory, std::vector<std::string> hosts, Port port,
                           ServerOptions options = {});
Coro<Server> create_server(EventLoop& loop, ProtocolFactory factory, SocketAddress address, ServerOptions options = {});
// Takes over a bound stream socket.
Coro<Server> create_server(EventLoop& loop, ProtocolFactory factory, UniqueFd sock, ServerOptions options = {});

struct UnixServerOptions {
  int backlog = 100;
  bool start_serving = true;
  bool cleanup_socket = true;  // close() unlinks the path, if it still is this socket's (UNIX-03)
  TlsServer tls = nullptr;
};

// `path` may be an abstract name, with a leading NUL. A socket that is there is replaced (UNIX-02).
Coro<Server> create_unix_server(EventLoop& loop, ProtocolFactory factory, std::string path,
                                UnixServerOptions options = {});
Coro<Server> create_unix_server(EventLoop& loop, ProtocolFactory factory, UniqueFd sock,
                                UnixServerOptions options = {});

// asyncio's `async with server`: runs the coroutine function `body(server)`, then closes the server and waits for it
// (SRV-22).
template <class F>
auto with_server(Server server, F body) -> Coro<typename std::invoke_result_t<F&, Server&>::Value> {
  auto outcome = co_await settled(body(server));
  server.close();
  co_await server.wait_closed();
  co_return std::move(outcome).take();
}

}  // namespace evloop
