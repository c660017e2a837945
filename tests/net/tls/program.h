#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/unique_fd.h"

extern char** environ;

namespace evloop {

// A program that runs beside the test, its standard output and error in one pipe. Ended with this, if it has not yet.
class Program {
 public:
  explicit Program(std::vector<std::string> command) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, out[1], 2);
    std::vector<char*> arguments;
    for (auto& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    started_ = ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    in_.reset(in[1]);
    out_.reset(out[0]);
    ::fcntl(out_.get(), F_SETFL, O_NONBLOCK);
  }
  ~Program() {
    if (!started_ || ended_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Readable when it prints something, or has ended.
  [[nodiscard]] int fd() const { return out_.get(); }
  [[nodiscard]] bool started() const { return started_; }
  void write(const std::string& text) const {
    if (::write(in_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  }
  void end_input() { in_.reset(); }
  // All it has printed by now.
  const std::string& output() {
    std::array<char, 4096> buffer{};
    for (ssize_t count = 0; (count = ::read(out_.get(), buffer.data(), buffer.size())) > 0;)
      output_.append(buffer.data(), static_cast<std::size_t>(count));
    return output_;
  }
  bool has_printed(std::string_view text) { return output().find(text) != std::string::npos; }
  // Whether it has ended; then its exit status is known.
  bool has_ended() {
    if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) {
      ended_ = true;
      output();
    }
    return ended_;
  }
  [[nodiscard]] int exit_status() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1; }

 private:
  pid_t pid_ = -1;
  bool started_ = false;
  bool ended_ = false;
  int status_ = 0;
  UniqueFd in_;
  UniqueFd out_;
  std::string output_;
};

}  // namespace evloop
