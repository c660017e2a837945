#pragma once

#include <sys/wait.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>

// What a process has that a test should not leave behind.
namespace evloop {

// How many file descriptors.
inline std::size_t open_fds() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

// Some child, running or not reaped yet.
inline bool has_child() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

}  // namespace evloop
