#pragma once

#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "net/socket_address.h"

// Sockets, as plain file descriptors: all made here are non-blocking and close-on-exec. Errors are std::system_error,
// and name call and address. Any thread.
namespace evloop {

struct ListenOptions {
  int backlog = 100;
  bool reuse_address = true;  // SO_REUSEADDR
  bool reuse_port = false;    // SO_REUSEPORT, for IP only
  bool keep_alive = false;    // SO_KEEPALIVE, which accepted sockets inherit
};

// A stream socket of `family`.
[[nodiscard]] UniqueFd open_stream_socket(int family);
// ... bound to `address`, not listening yet. IPv6 sockets take IPv6 only (SRV-03). Throws OsError("error while
// attempting to bind on address <address>: <why>") (SRV-05).
[[nodiscard]] UniqueFd bind_stream_socket(const SocketAddress& address, const ListenOptions& options = {});
// ... and listening.
[[nodiscard]] UniqueFd listen_stream_socket(const SocketAddress& address, const ListenOptions& options = {});
// Throws std::system_error.
void start_listening(int fd, int backlog);

void set_non_blocking(int fd);
// TCP_NODELAY (CONN-16); does nothing to a socket of another kind.
void set_no_delay(int fd) noexcept;
void set_option(int fd, int level, int name, int value, const char* what);
// SO_ERROR, which it clears.
[[nodiscard]] int take_socket_error(int fd) noexcept;

// Throws ValueError("A Stream Socket was expected, got fd 7") (SRV-01), or with "A UNIX Domain Stream Socket"
// (UNIX-01).
void check_stream_socket(int fd);
void check_unix_stream_socket(int fd);

}  // namespace evloop
