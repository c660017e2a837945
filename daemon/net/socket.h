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

// What a socket was made as; -1 for what is no socket.
struct SocketKind {
  int family;
  int type;
  int proto;

  [[nodiscard]] static SocketKind of(int fd) noexcept;
};

// A stream socket of `family`.
[[nodiscard]] UniqueFd open_stream_socket(int family);
// ... bound to `address`, not listening yet. IPv6 sockets take IPv6 only (SRV-03). Throws OsError("error while
// attempting to bind on address <address>: <why>") (SRV-05).
[[nodiscard]] UniqueFd bind_stream_socket(const SocketAddress& address, const ListenOptions& options = {});
// ... and listening.
[[nodiscard]] UniqueFd listen_stream_socket(const SocketAddress& address, const ListenOptions& options = {});
// Throws likewise.
void bind_socket(int fd, const SocketAddress& address);
// Makes way for a unix socket at `path` by removing the one that is there, in use or not; an abstract name has none,
// and nothing else than a socket is touched (UNIX-02, DGRAM-04). What fails is logged.
void remove_stale_socket(const std::string& path);
// Throws std::system_error.
void start_listening(int fd, int backlog);

[[nodiscard]] bool is_non_blocking(int fd) noexcept;
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
// Of any kind but a stream: throws ValueError("A datagram socket was expected, got fd 7") (DGRAM-01).
void check_datagram_socket(int fd);

}  // namespace evloop
