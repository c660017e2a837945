#include "net/socket.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aio/errors.h"
#include "base/log.h"
#include "base/system_error.h"
#include "net/os_error.h"

namespace evloop {
namespace {

int int_option(int fd, int name) noexcept {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

}  // namespace

SocketKind SocketKind::of(int fd) noexcept {
  return {.family = int_option(fd, SO_DOMAIN), .type = int_option(fd, SO_TYPE), .proto = int_option(fd, SO_PROTOCOL)};
}

UniqueFd open_stream_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) throw_errno("socket");
  return fd;
}

UniqueFd bind_stream_socket(const SocketAddress& address, const ListenOptions& options) {
  auto fd = open_stream_socket(address.family());
  if (options.reuse_address && address.is_inet()) set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (options.reuse_port && address.is_inet()) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  if (options.keep_alive) set_option(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE");
  // Linux would take both families on one socket: then IPv4 could not have the same port.
  if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  bind_socket(fd.get(), address);
  return fd;
}

void bind_socket(int fd, const SocketAddress& address) {
  if (::bind(fd, address.data(), address.length()) == 0) return;
  const int error = errno;
  throw OsError(error, "error while attempting to bind on address " + address.to_string() + ": " + error_text(error));
}

UniqueFd listen_stream_socket(const SocketAddress& address, const ListenOptions& options) {
  auto fd = bind_stream_socket(address, options);
  start_listening(fd.get(), options.backlog);
  return fd;
}

void remove_stale_socket(const std::string& path) {
  if (path.starts_with('\0')) return;
  struct stat there{};
  if (::stat(path.c_str(), &there) == 0 && (!S_ISSOCK(there.st_mode) || ::unlink(path.c_str()) == 0)) return;
  if (errno != ENOENT)
    log(LogLevel::error, "Unable to check or remove stale UNIX socket '" + path + "': " + error_text(errno));
}

void start_listening(int fd, int backlog) {
  if (::listen(fd, backlog) != 0) throw_errno("listen on " + SocketAddress::local(fd).to_string());
}

bool is_non_blocking(int fd) noexcept { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

void set_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) throw_errno("fcntl");
  if ((flags & O_NONBLOCK) == 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) throw_errno("fcntl");
}

void set_no_delay(int fd) noexcept {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void set_option(int fd, int level, int name, int value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) throw_errno(std::string("setsockopt ") + what);
}

int take_socket_error(int fd) noexcept {
  const int error = int_option(fd, SO_ERROR);
  return error < 0 ? errno : error;
}

void check_stream_socket(int fd) {
  if (int_option(fd, SO_TYPE) != SOCK_STREAM)
    throw ValueError("A Stream Socket was expected, got fd " + std::to_string(fd));
}

void check_unix_stream_socket(int fd) {
  if (int_option(fd, SO_TYPE) != SOCK_STREAM || int_option(fd, SO_DOMAIN) != AF_UNIX)
    throw ValueError("A UNIX Domain Stream Socket was expected, got fd " + std::to_string(fd));
}

void check_datagram_socket(int fd) {
  const int type = int_option(fd, SO_TYPE);
  if (type < 0 || type == SOCK_STREAM) throw ValueError("A datagram socket was expected, got fd " + std::to_string(fd));
}

}  // namespace evloop
