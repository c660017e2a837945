#pragma once

#include <sys/types.h>

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace evloopd::control {

// Who is at the other end of a unix socket, as the kernel says.
struct PeerCredentials {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
};

// Who is at the other end of each accepted connection. gRPC names a connection we give it `fd:N`, and that number is
// all a call knows of its caller. Nor does gRPC say when a connection ends: that shows when its number has come to
// mean another file. Any thread.
class Peers {
 public:
  explicit Peers(std::size_t limit) : limit_(limit) {}

  // Takes note of the connection `fd`. False if there are `limit` others already.
  [[nodiscard]] bool add(int fd, PeerCredentials credentials);

  // For people: "uid=1000 gid=1000 pid=4242", or "unknown". `grpc_peer` is what ServerContext::peer() answers.
  [[nodiscard]] std::string describe(std::string_view grpc_peer) const;

 private:
  struct Peer {
    PeerCredentials credentials;
    ino_t inode = 0;  // of the socket; unlike its descriptor never used again
  };

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::unordered_map<int, Peer> by_fd_;  // guarded by mutex_; those that have ended stay until there are too many
};

}  // namespace evloopd::control
