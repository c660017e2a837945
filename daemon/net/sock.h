#pragma once

#include <cstddef>
#include <span>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "net/bytes.h"
#include "net/port.h"
#include "net/socket_address.h"

// asyncio's sock_recv() and its relatives: coroutines over a non-blocking socket that the caller owns and keeps open
// until they have ended. Each tries the system call at once and suspends only if it would block (SOCK-02); cancelled,
// it has not touched the socket (SOCK-05). One operation per direction and fd at a time: a second one throws LoopError
// (SOCK-06), as does an fd that a transport uses. In debug mode a blocking socket throws ValueError (SOCK-01). Errors
// of the system call: std::system_error. Loop thread only.
namespace evloop {

class Resolver;

// At most `most` bytes; none at the end of data (SOCK-07).
Coro<Bytes> sock_recv(EventLoop& loop, int fd, std::size_t most);
// ... into `buffer`; answers how many.
Coro<std::size_t> sock_recv_into(EventLoop& loop, int fd, std::span<std::byte> buffer);

struct ReceivedDatagram {
  Bytes data;
  SocketAddress address;  // of the sender; empty if it has none
};
struct ReceivedInto {
  std::size_t count;
  SocketAddress address;
};
// One datagram, at most `most` bytes of it: the rest is lost.
Coro<ReceivedDatagram> sock_recvfrom(EventLoop& loop, int fd, std::size_t most);
// ... into `buffer`, `count` bytes at most, 0 meaning all of it. Throws ValueError for more (SOCK-08).
Coro<ReceivedInto> sock_recvfrom_into(EventLoop& loop, int fd, std::span<std::byte> buffer, std::size_t count = 0);
// Sends `data`, which stays valid until then, as one datagram; answers its size (SOCK-10).
Coro<std::size_t> sock_sendto(EventLoop& loop, int fd, std::span<const std::byte> data, SocketAddress address);

// All of `data`, which stays valid until then. After an error or a cancellation nobody knows how much (SOCK-09).
Coro<void> sock_sendall(EventLoop& loop, int fd, std::span<const std::byte> data);
// Throws OsError("Connect call failed <address>: <why>") (SOCK-12).
Coro<void> sock_connect(EventLoop& loop, int fd, SocketAddress address);
// ... to the first address of `host` for sockets of this kind; a numeric one needs no lookup (SOCK-11). `resolver`: see
// resolve().
Coro<void> sock_connect(EventLoop& loop, int fd, std::string host, Port port, Resolver* resolver = nullptr);

struct AcceptedSocket {
  UniqueFd fd;  // non-blocking, close-on-exec
  SocketAddress address;
};
// Of a bound and listening socket (SOCK-13).
Coro<AcceptedSocket> sock_accept(EventLoop& loop, int fd);

}  // namespace evloop
