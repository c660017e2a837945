#include "control/peers.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>

namespace evloopd::control {
namespace {

// 0 if there is no such file.
ino_t inode_of(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}

}  // namespace

bool Peers::add(int fd, PeerCredentials credentials) {
  const std::lock_guard lock(mutex_);
  by_fd_.erase(fd);  // whoever had the number before has gone
  if (by_fd_.size() >= limit_)
    std::erase_if(by_fd_, [](const auto& entry) { return inode_of(entry.first) != entry.second.inode; });
  if (by_fd_.size() >= limit_) return false;
  by_fd_[fd] = {.credentials = credentials, .inode = inode_of(fd)};
  return true;
}

std::string Peers::describe(std::string_view grpc_peer) const {
  constexpr std::string_view unknown = "unknown";
  constexpr std::string_view prefix = "fd:";
  if (!grpc_peer.starts_with(prefix)) return std::string(unknown);
  grpc_peer.remove_prefix(prefix.size());
  int fd = -1;
  const char* end = grpc_peer.data() + grpc_peer.size();
  if (std::from_chars(grpc_peer.data(), end, fd).ptr != end) return std::string(unknown);
  const std::lock_guard lock(mutex_);
  const auto found = by_fd_.find(fd);
  if (found == by_fd_.end()) return std::string(unknown);
  const auto& peer = found->second.credentials;
  return fmt::format("uid={} gid={} pid={}", peer.uid, peer.gid, peer.pid);
}

}  // namespace evloopd::control
