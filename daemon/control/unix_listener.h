#pragma once

#include <sys/types.h>

#include <string>

#include "base/unique_fd.h"

namespace evloopd::control {

// A listening unix socket and its file. The rights are set before anyone can connect. Removes the file when it goes,
// unless somebody else's has taken its place. One thread.
class UnixListener {
 public:
  // Makes the socket's folder if need be (mode 0755). Replaces a file that a dead daemon left behind. `group` empty:
  // the process's own. Throws std::runtime_error, or std::system_error, that names the path: too long for a socket,
  // served by a living process, not a socket, in a folder that another user owns.
  UnixListener(std::string path, mode_t mode, const std::string& group);
  ~UnixListener();
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  evloop::UniqueFd fd_;
  dev_t device_ = 0;  // with inode_: which file is ours
  ino_t inode_ = 0;
};

}  // namespace evloopd::control
