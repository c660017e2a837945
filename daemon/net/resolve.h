#pragma once

#include <sys/socket.h>

#include <string>
#include <system_error>
#include <vector>

#include "aio/event_loop.h"
#include "net/port.h"
#include "net/socket_address.h"

// Names and addresses. What needs a lookup goes to the C library, in the loop's default executor (EXEC-10): it knows
// /etc/hosts and whatever else this machine asks, and may take its time without the loop. Loop thread only.
namespace evloop {

// What to look for; 0 means any. As in getaddrinfo(3).
struct AddressHints {
  int family = AF_UNSPEC;
  int type = 0;  // SOCK_STREAM, ...
  int proto = 0;
  int flags = 0;  // AI_PASSIVE, ...
};

struct AddressInfo {
  int family;
  int type;
  int proto;
  std::string canonical_name;  // of the first, with AI_CANONNAME
  SocketAddress address;
};

struct NameInfo {
  std::string host;
  std::string service;
};

// Who looks up names for create_connection() and its like; one of your own answers from where you want. Outlives the
// calls that are given it.
class Resolver {
 public:
  virtual ~Resolver() = default;
  // Throws std::system_error.
  virtual Coro<std::vector<AddressInfo>> getaddrinfo(EventLoop& loop, std::string host, Port port,
                                                     AddressHints hints) = 0;
};

// The addresses of a host. An empty one means all interfaces with AI_PASSIVE, else this one. Throws std::system_error
// of resolver_category(). In debug mode each lookup is logged with the time it took, a slow one at level info (DBG-07).
Coro<std::vector<AddressInfo>> getaddrinfo(EventLoop& loop, std::string host, Port port, AddressHints hints = {});
// The names of an address. `flags`: NI_NUMERICHOST, ... Throws likewise.
Coro<NameInfo> getnameinfo(EventLoop& loop, SocketAddress address, int flags = 0);
// EAI_NONAME and its like.
[[nodiscard]] const std::error_category& resolver_category() noexcept;

// The addresses of a host for sockets of one kind, in the resolver's order. A numeric host with a numeric or no port is
// answered at once (CONN-03); anything else goes to `resolver`, if null to getaddrinfo(). May answer none.
Coro<std::vector<SocketAddress>> resolve(EventLoop& loop, std::string host, Port port, AddressHints hints,
                                         Resolver* resolver = nullptr);

}  // namespace evloop
