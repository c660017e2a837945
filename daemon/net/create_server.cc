// How servers come to be: addresses are looked up and bound, unix paths replaced.

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "aio/gather.h"
#include "net/os_error.h"
#include "net/resolve.h"
#include "net/server_state.h"

namespace evloop {
namespace {

using Listening = ServerState::Listening;

Coro<std::vector<SocketAddress>> resolve_host(EventLoop& loop, std::string host, Port port, ServerOptions options) {
  auto addresses =
      co_await resolve(loop, host, std::move(port),
                       {.family = options.family, .type = SOCK_STREAM, .flags = options.flags}, options.resolver);
  if (addresses.empty()) throw OsError(EADDRNOTAVAIL, "getaddrinfo('" + host + "') returned empty list");
  co_return addresses;
}

// Families and addresses that this machine does not have are left out (SRV-04).
std::vector<Listening> bind_all(const std::vector<SocketAddress>& addresses, const ServerOptions& options) {
  const ListenOptions listen{.backlog = options.backlog,
                             .reuse_address = options.reuse_address,
                             .reuse_port = options.reuse_port,
                             .keep_alive = options.keep_alive};
  std::vector<Listening> sockets;
  std::string tried;
  for (const auto& address : addresses) {
    tried += (tried.empty() ? "" : ", ") + address.to_string();
    try {
      sockets.push_back({.fd = bind_stream_socket(address, listen)});
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::address_not_available && error.code() != std::errc::address_family_not_supported)
        throw;
    }
  }
  if (sockets.empty()) throw OsError(EADDRNOTAVAIL, "could not bind on any address out of [" + tried + "]");
  return sockets;
}

// Options: of either kind.
template <class Options>
Coro<Server> serve(EventLoop& loop, ProtocolFactory factory, std::vector<Listening> sockets, Options options) {
  Server server(Ref(new ServerState(loop, std::move(factory), std::move(sockets), options.backlog, options.tls)));
  if (options.start_serving) co_await server.start_serving();
  co_return server;
}

UniqueFd bind_path(const std::string& path) {
  const auto address = SocketAddress::unix_path(path);
  auto fd = open_stream_socket(AF_UNIX);
  remove_stale_socket(path);
  try {
    bind_socket(fd.get(), address);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::address_in_use) throw;
    throw OsError(EADDRINUSE, "Address '" + path + "' is already in use");
  }
  return fd;
}

Listening listening_at(UniqueFd fd, bool cleanup_socket) {
  Listening socket{.fd = std::move(fd)};
  const auto path = SocketAddress::local(socket.fd.get()).host();
  struct stat there{};
  if (cleanup_socket && !path.empty() && path[0] != '\0' && ::stat(path.c_str(), &there) == 0) {
    socket.path = path;
    socket.inode = there.st_ino;
  }
  return socket;
}

std::vector<Listening> one(Listening socket) {
  std::vector<Listening> sockets;
  sockets.push_back(std::move(socket));
  return sockets;
}

}  // namespace

Coro<Server> create_server(EventLoop& loop, ProtocolFactory factory, std::vector<std::string> hosts, Port port,
                           ServerOptions options) {
  if (hosts.empty()) throw ValueError("Neither host/port nor sock were specified");
  std::vector<Coro<std::vector<SocketAddress>>> lookups;
  lookups.reserve(hosts.size());
  for (auto& host : hosts) lookups.push_back(resolve_host(loop, std::move(host), port, options));
  std::vector<SocketAddress> addresses;
  for (const auto& found : co_await gather(std::move(lookups)))
    for (const auto& address : found)
      if (std::ranges::find(addresses, address) == addresses.end()) addresses.push_back(address);
  co_return co_await serve(loop, std::move(factory), bind_all(addresses, options), options);
}

Coro<Server> create_server(EventLoop& loop, ProtocolFactory factory, std::string host, Port port,
                           ServerOptions options) {
  auto addresses = co_await resolve_host(loop, std::move(host), std::move(port), options);
  std::vector<SocketAddress> once;
  for (const auto& address : addresses)
    if (std::ranges::find(once, address) == once.end()) once.push_back(address);
  co_return co_await serve(loop, std::move(factory), bind_all(once, options), options);
}

Coro<Server> create_server(EventLoop& loop, ProtocolFactory factory, SocketAddress address, ServerOptions options) {
  if (address.is_unix())
    co_return co_await create_unix_server(
        loop, std::move(factory), address.host(),
        {.backlog = options.backlog, .start_serving = options.start_serving, .tls = options.tls});
  co_return co_await serve(loop, std::move(factory), bind_all({address}, options), options);
}

Coro<Server> create_server(EventLoop& loop, ProtocolFactory factory, UniqueFd sock, ServerOptions options) {
  check_stream_socket(sock.get());
  set_non_blocking(sock.get());
  co_return co_await serve(loop, std::move(factory), one({.fd = std::move(sock)}), options);
}

Coro<Server> create_unix_server(EventLoop& loop, ProtocolFactory factory, std::string path, UnixServerOptions options) {
  if (path.empty()) throw ValueError("path was not specified, and no sock specified");
  co_return co_await serve(loop, std::move(factory), one(listening_at(bind_path(path), options.cleanup_socket)),
                           options);
}

Coro<Server> create_unix_server(EventLoop& loop, ProtocolFactory factory, UniqueFd sock, UnixServerOptions options) {
  check_unix_stream_socket(sock.get());
  set_non_blocking(sock.get());
  co_return co_await serve(loop, std::move(factory), one(listening_at(std::move(sock), options.cleanup_socket)),
                           options);
}

}  // namespace evloop
