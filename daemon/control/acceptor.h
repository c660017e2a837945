#pragma once

#include <functional>
#include <thread>

#include "base/unique_fd.h"
#include "control/peers.h"

namespace evloopd::control {

// Accepts on a listening unix socket, on a thread of its own, for as long as it lives. gRPC could listen itself, but
// then it would tell nobody who is at the other end.
class Acceptor {
 public:
  // Takes over a connection: non-blocking, close-on-exec. Called on the acceptor's thread.
  using Accepted = std::function<void(evloop::UniqueFd connection, PeerCredentials peer)>;

  // `listener` stays the caller's and must stay open. Throws std::system_error.
  Acceptor(int listener, Accepted accepted);
  ~Acceptor();  // accepts nothing more, joins
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  void run();
  void accept_one();
  void pause(int error);

  int listener_;
  Accepted accepted_;
  evloop::UniqueFd stop_;     // eventfd, readable once we should end
  bool was_starved_ = false;  // of descriptors, at the last try; acceptor's thread only
  std::thread thread_;
};

}  // namespace evloopd::control
