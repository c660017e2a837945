#include "net/sock.h"

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "base/system_error.h"
#include "net/os_error.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/when_ready.h"

namespace evloop {
namespace {

bool would_block() noexcept { return errno == EAGAIN || errno == EINTR; }

std::optional<std::size_t> receive(int fd, std::span<std::byte> buffer) {
  const auto count = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (count >= 0) return static_cast<std::size_t>(count);
  if (would_block()) return std::nullopt;
  throw_errno("recv");
}

std::optional<ReceivedInto> receive_from(int fd, std::span<std::byte> buffer) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  const auto count = ::recvfrom(fd, buffer.data(), buffer.size(), 0, name, &length);
  if (count >= 0) return ReceivedInto{static_cast<std::size_t>(count), SocketAddress(name, length)};
  if (would_block()) return std::nullopt;
  throw_errno("recvfrom");
}

// Calls `receive(buffer)` with room for `most` bytes: the loop's own buffer if it is large enough.
template <class Receive>
auto with_buffer(EventLoop& loop, std::size_t most, Receive receive) {
  const auto buffer = loop.receive_buffer();
  if (most <= buffer.size()) return receive(buffer.first(most));
  std::vector<std::byte> large(most);
  return receive(std::span(large));
}

}  // namespace

Coro<Bytes> sock_recv(EventLoop& loop, int fd, std::size_t most) {
  return when_ready<Bytes>(loop, fd, Interest::read, [&loop, fd, most]() -> std::optional<Bytes> {
    return with_buffer(loop, most, [fd](std::span<std::byte> buffer) {
      const auto count = receive(fd, buffer);
      return count ? std::optional(Bytes(buffer.first(*count))) : std::nullopt;
    });
  });
}

Coro<std::size_t> sock_recv_into(EventLoop& loop, int fd, std::span<std::byte> buffer) {
  return when_ready<std::size_t>(loop, fd, Interest::read, [fd, buffer] { return receive(fd, buffer); });
}

Coro<ReceivedDatagram> sock_recvfrom(EventLoop& loop, int fd, std::size_t most) {
  return when_ready<ReceivedDatagram>(loop, fd, Interest::read, [&loop, fd, most] {
    return with_buffer(loop, most, [fd](std::span<std::byte> buffer) -> std::optional<ReceivedDatagram> {
      const auto received = receive_from(fd, buffer);
      if (!received) return std::nullopt;
      return ReceivedDatagram{Bytes(buffer.first(received->count)), received->address};
    });
  });
}

Coro<ReceivedInto> sock_recvfrom_into(EventLoop& loop, int fd, std::span<std::byte> buffer, std::size_t count) {
  if (count > buffer.size()) throw ValueError("nbytes is greater than the length of the buffer");
  if (count > 0) buffer = buffer.first(count);
  co_return co_await when_ready<ReceivedInto>(loop, fd, Interest::read,
                                              [fd, buffer] { return receive_from(fd, buffer); });
}

Coro<std::size_t> sock_sendto(EventLoop& loop, int fd, std::span<const std::byte> data, SocketAddress address) {
  return when_ready<std::size_t>(loop, fd, Interest::write, [=]() -> std::optional<std::size_t> {
    const auto sent = ::sendto(fd, data.data(), data.size(), MSG_NOSIGNAL, address.data(), address.length());
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (would_block()) return std::nullopt;
    throw_errno("sendto");
  });
}

Coro<void> sock_sendall(EventLoop& loop, int fd, std::span<const std::byte> data) {
  return when_ready<void>(loop, fd, Interest::write, [fd, data]() mutable -> std::optional<Unit> {
    const auto sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0 && !would_block()) throw_errno("send");
    if (sent > 0) data = data.subspan(static_cast<std::size_t>(sent));
    return data.empty() ? std::optional(Unit{}) : std::nullopt;
  });
}

Coro<void> sock_connect(EventLoop& loop, int fd, SocketAddress address) {
  bool in_progress = false;
  return when_ready<void>(loop, fd, Interest::write, [=]() mutable -> std::optional<Unit> {
    int error = 0;
    if (!std::exchange(in_progress, true)) {
      if (::connect(fd, address.data(), address.length()) == 0) return Unit{};
      if (errno == EINPROGRESS || errno == EINTR) return std::nullopt;
      error = errno;
    } else {
      error = take_socket_error(fd);
    }
    if (error == 0) return Unit{};
    throw OsError(error, "Connect call failed " + address.to_string() + ": " + error_text(error));
  });
}

Coro<void> sock_connect(EventLoop& loop, int fd, std::string host, Port port, Resolver* resolver) {
  const auto kind = SocketKind::of(fd);
  const auto addresses = co_await resolve(loop, std::move(host), std::move(port),
                                          {.family = kind.family, .type = kind.type, .proto = kind.proto}, resolver);
  if (addresses.empty()) throw OsError(EADDRNOTAVAIL, "getaddrinfo() returned empty list");
  co_await sock_connect(loop, fd, addresses.front());
}

Coro<AcceptedSocket> sock_accept(EventLoop& loop, int fd) {
  return when_ready<AcceptedSocket>(loop, fd, Interest::read, [fd]() -> std::optional<AcceptedSocket> {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    auto* const name = reinterpret_cast<sockaddr*>(&address);
    UniqueFd connection(::accept4(fd, name, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) return AcceptedSocket{std::move(connection), SocketAddress(name, length)};
    if (would_block()) return std::nullopt;
    throw_errno("accept");
  });
}

}  // namespace evloop
