#include "net/process/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/system_error.h"

namespace evloop {
namespace {

constexpr int unknown_status = 255;

// The C library's own are not declared for C++ (glibc 2.36).
int pidfd_open(pid_t pid) noexcept { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
int pidfd_send_signal(int pidfd, int signal) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

// waitid(), again after a signal. True unless there is no such child.
bool wait_for(pid_t pid, int pidfd, int options, siginfo_t& info) noexcept {
  const auto kind = pidfd >= 0 ? P_PIDFD : P_PID;
  const auto id = static_cast<id_t>(pidfd >= 0 ? pidfd : pid);
  int failed = 0;
  do failed = ::waitid(kind, id, &info, WEXITED | options);
  while (failed != 0 && errno == EINTR);
  return failed == 0;
}

// A killed child goes at once, unless the kernel has something to finish for it: not for a loop to wait for.
void reap_in_thread(pid_t pid, UniqueFd pidfd) noexcept {
  try {
    std::thread([pid, mine = std::move(pidfd)] {
      siginfo_t ended{};
      wait_for(pid, mine.get(), 0, ended);
    }).detach();
  } catch (const std::system_error&) {
    siginfo_t info{};
    wait_for(pid, -1, 0, info);
  }
}

}  // namespace

Child::Child(pid_t pid, Notice notice) : pid_(pid) {
  if (notice == Notice::pidfd) exit_fd_.reset(pidfd_open(pid));
  has_pidfd_ = static_cast<bool>(exit_fd_);
  if (has_pidfd_) return;
  try {
    wait_in_thread();
  } catch (...) {
    ::kill(pid, SIGKILL);
    siginfo_t info{};
    wait_for(pid, -1, 0, info);
    throw;
  }
}

Child::Child(Child&& other) noexcept
    : pid_(other.pid_),
      exit_fd_(std::move(other.exit_fd_)),
      has_pidfd_(other.has_pidfd_),
      to_be_reaped_(std::exchange(other.to_be_reaped_, false)) {}

Child::~Child() {
  if (!to_be_reaped_) return;
  try {
    send_signal(SIGKILL);
  } catch (const std::system_error&) {
    // Not ours to kill (it runs as another user): it is reaped whenever it ends.
  }
  reap_in_thread(pid_, has_pidfd_ ? std::move(exit_fd_) : UniqueFd());
}

// The thread only looks: the child is reaped where its exit is told (PROC-06).
void Child::wait_in_thread() {
  exit_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!exit_fd_) throw_errno("eventfd");
  UniqueFd told(::fcntl(exit_fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!told) throw_errno("fcntl");
  std::thread([pid = pid_, told = std::move(told)] {
    siginfo_t info{};
    wait_for(pid, -1, WNOWAIT, info);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(told.get(), &one, sizeof one);
  }).detach();
}

std::optional<int> Child::reap() {
  siginfo_t info{};
  if (!wait_for(pid_, has_pidfd_ ? exit_fd_.get() : -1, WNOHANG, info)) {
    to_be_reaped_ = false;
    log(LogLevel::warning, "child process pid " + std::to_string(pid_) +
                               " exit status already read:  will report returncode " + std::to_string(unknown_status));
    return unknown_status;
  }
  if (info.si_pid == 0) return std::nullopt;
  to_be_reaped_ = false;
  return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

void Child::send_signal(int signal) const {
  const int failed = has_pidfd_ ? pidfd_send_signal(exit_fd_.get(), signal) : ::kill(pid_, signal);
  if (failed != 0 && errno != ESRCH) throw_errno("kill");
}

}  // namespace evloop
