#pragma once

#include <dirent.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/net_test.h"
#include "net/process/process.h"

namespace evloop {

// Descriptors that this process has open.
inline std::size_t count_fds() {
  std::size_t count = 0;
  auto* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder)) ++count;
  ::closedir(folder);
  return count;
}

// Some child of this process, running or not reaped yet.
inline bool has_child() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

// Waits, on another thread's work, until there is none.
inline bool all_reaped() {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (has_child() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  return !has_child();
}

inline std::vector<std::string> shell(std::string command) { return {"/bin/sh", "-c", std::move(command)}; }

// A loop with children. When it ends, no child and no descriptor is left.
class ProcessTest : public NetTest {
 protected:
  ProcessTest() { ::signal(SIGPIPE, SIG_IGN); }
  void TearDown() override {
    loop_.close();
    EXPECT_TRUE(all_reaped());
  }

  // What a command writes to stdout, and its returncode.
  std::pair<std::string, int> output_of(std::vector<std::string> args, SubprocessOptions options = {}) {
    options.std_out = Stdio::pipe();
    const auto body = [](std::vector<std::string> command,
                         SubprocessOptions with) -> Coro<std::pair<std::string, int>> {
      const auto process = co_await create_subprocess_exec(std::move(command), std::move(with));
      auto output = co_await process.communicate();
      co_return {output.std_out->str(), *process.returncode()};
    };
    return run(body(std::move(args), std::move(options)));
  }
};

}  // namespace evloop
