#pragma once

#include <cstddef>
#include <span>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "net/bytes.h"
#include "net/socket_address.h"

// asyncio's sock_recv() and its relatives: coroutines over a non-blocking socket that the caller owns and keeps open
// until they have ended. Each tries the system call at once and suspends only if it would block (SOCK-02); cancelled,
// it has not touched the socket (SOCK-05). One operation per direction and fd at a time: a second one throws LoopError
// (SOCK-06), as does an fd that a transport uses. Errors of the system call: std::system_error. Loop thread only.
namespace evloop {

// At most `most` bytes; none at the end of data (SOCK-07).
Coro<Bytes> sock_recv(EventLoop& loop, int fd, std::size_t most);
// ... into `buffer`; answers how many.
Coro<std::size_t> sock_recv_into(EventLoop& loop, int fd, std::span<std::byte> buffer);
// All of `data`, which stays valid until then. After an error or a cancellation nobody knows how much (SOCK-09).
Coro<void> sock_sendall(EventLoop& loop, int fd, std::span<const std::byte> data);
// Throws OsError("Connect call failed <address>: <why>") (SOCK-12).
Coro<void> sock_connect(EventLoop& loop, int fd, SocketAddress address);

struct AcceptedSocket {
  UniqueFd fd;  // non-blocking, close-on-exec
  SocketAddress address;
};
// Of a bound and listening socket (SOCK-13).
Coro<AcceptedSocket> sock_accept(EventLoop& loop, int fd);

}  // namespace evloop
