#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>

#include "aio/event_loop.h"
#include "net/transport.h"

// asyncio's sendfile() and sock_sendfile(): files to connections, by the kernel if it can. Loop thread only.
namespace evloop {

// The system call cannot send this file to this socket.
class SendfileNotAvailableError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct SendfileOptions {
  std::int64_t offset = 0;                           // where in the file to begin
  std::optional<std::int64_t> count = std::nullopt;  // bytes; none: to the end of the file
  // Where the system call is of no use: read in the executor, and write (SENDF-04). False: throw (SENDF-05).
  bool fallback = true;
};

// Sends `file`, which is open for reading and stays so until this has ended, and answers how many bytes. The file's
// position is behind them then, also after an error (SENDF-01). What the transport has buffered goes first; it does not
// read meanwhile, and write() throws while the system call is used (SENDF-02, SENDF-03). Throws LoopError (SENDF-05,
// SENDF-06), ValueError for a wrong offset or count, SendfileNotAvailableError, std::system_error.
Coro<std::int64_t> sendfile(EventLoop& loop, Ref<Transport> transport, int file, SendfileOptions options = {});
// ... to a non-blocking stream socket, as the other sock_ functions do.
Coro<std::int64_t> sock_sendfile(EventLoop& loop, int fd, int file, SendfileOptions options = {});

}  // namespace evloop
