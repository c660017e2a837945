#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "net/net_test.h"
#include "net/process/process.h"
#include "support/leftovers.h"

namespace evloop {

// What each descriptor of this process is.
inline std::vector<std::string> kinds_of_fds() {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // the one of the iteration itself
    all.push_back(std::filesystem::read_symlink(entry.path(), gone).string());
  }
  return all;
}

// Waits, on other threads' work, until there is none, and nobody watches any.
inline bool all_reaped() {
  const auto watched = [] {
    return std::ranges::any_of(kinds_of_fds(), [](const auto& fd) { return fd == "anon_inode:[pidfd]"; });
  };
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while ((has_child() || watched()) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  return !has_child() && !watched();
}

inline std::vector<std::string> shell(std::string command) { return {"/bin/sh", "-c", std::move(command)}; }

// A loop with children. When it ends, none of them is left.
class ProcessTest : public NetTest {
 protected:
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
