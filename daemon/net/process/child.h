#pragma once

#include <sys/types.h>

#include <optional>

#include "base/unique_fd.h"

namespace evloop {

// A child process that has to be reaped, once: by reap(), or else by the destructor, which kills it first. So nobody
// can forget a zombie, and no signal can meet a process that got the same number later. One thread.
//
// Its exit is told by a pidfd: no SIGCHLD handler, so the children of other code are left alone (PROC-05). Where there
// is none, as on a kernel before 5.3, a thread waits instead.
class Child {
 public:
  enum class Notice { pidfd, thread };

  // Takes over a child of this process. Throws std::system_error if not even a thread can be had; it is killed then.
  explicit Child(pid_t pid, Notice notice = Notice::pidfd);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  // Readable once it has exited.
  [[nodiscard]] int exit_fd() const noexcept { return exit_fd_.get(); }
  // Its exit status, or the negative number of the signal that ended it (PROC-08); none if it still runs. If somebody
  // else has reaped it: 255, and a warning (PROC-07). Never waits (PROC-17).
  [[nodiscard]] std::optional<int> reap();
  // Does nothing if it has just exited (PROC-11). Throws std::system_error.
  void send_signal(int signal) const;

 private:
  void wait_in_thread();

  pid_t pid_;
  UniqueFd exit_fd_;
  bool has_pidfd_ = false;
  bool to_be_reaped_ = true;
};

}  // namespace evloop
