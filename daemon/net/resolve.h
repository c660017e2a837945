#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "net/port.h"
#include "net/socket_address.h"

namespace evloop {

// The addresses of a host for stream sockets, in the resolver's order. A numeric host with a numeric or no port is
// answered at once (CONN-03); anything else goes to getaddrinfo() in the default executor (EXEC-10). An empty host
// means all interfaces with AI_PASSIVE in `flags`, else this one. Throws std::system_error with what getaddrinfo()
// says.
Coro<std::vector<SocketAddress>> resolve(EventLoop& loop, std::string host, Port port, int family = AF_UNSPEC,
                                         int flags = 0);

}  // namespace evloop
