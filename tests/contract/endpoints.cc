#include "contract/endpoints.h"

#include <sys/socket.h>

#include "base/system_error.h"

namespace evloop::contract {

Endpoints::Endpoints(const Json& declared) {
  for (const auto& pair : declared.value("sockets", Json())) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
    for (const auto& [name, fd] : {std::pair(".a", ends[0]), std::pair(".b", ends[1])}) {
      sockets_.emplace(pair.get<std::string>() + name, UniqueFd(fd));
      ranks_.emplace(fd, static_cast<int>(ranks_.size()));
    }
  }
}

}  // namespace evloop::contract
