#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "host/listener_limit.h"

namespace evloopd::host {

inline constexpr const char* address_syntax = "an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/app.sock";
inline constexpr const char* datagram_address_syntax = "an address such as 127.0.0.1:5353 or [::1]:5353";

// What comes to a workload's addresses: nothing, as it has none; connections; or datagrams (UDP).
enum class Listens { nothing, streams, datagrams };

// A socket that listens, or that is bound and takes datagrams. The host has it for as long as the listener exists, and
// lends it to loops; a loop that watches it shares it, so that its number is not given out again while a stuck loop
// still watches it.
struct ListeningSocket {
  ListeningSocket(evloop::UniqueFd socket, std::string bound, std::shared_ptr<ListenerLimit> shared_limit);
  ~ListeningSocket();  // removes the file of a unix socket, unless somebody else has put one in its place
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;

  const evloop::UniqueFd fd;                   // non-blocking, close-on-exec
  const std::string address;                   // as bound: "127.0.0.1:8080", "unix:/run/x.sock"
  const std::shared_ptr<ListenerLimit> limit;  // of all sockets of the address
  const Listens listens;  // streams; or datagrams: on 0.0.0.0 and [::] each says where it was sent to (IP_PKTINFO)

 private:
  const std::pair<dev_t, ino_t> file_;  // of a unix socket
};
using SharedSocket = std::shared_ptr<const ListeningSocket>;

}  // namespace evloopd::host
