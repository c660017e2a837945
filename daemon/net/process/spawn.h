#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace evloop {

// What one of a child's standard streams is.
class Stdio {
 public:
  enum class Kind : std::uint8_t { inherit, pipe, devnull, to_stdout, fd };

  // This process's own.
  [[nodiscard]] static constexpr Stdio inherit() noexcept { return {Kind::inherit, -1}; }
  // A pipe to this process.
  [[nodiscard]] static constexpr Stdio pipe() noexcept { return {Kind::pipe, -1}; }
  [[nodiscard]] static constexpr Stdio devnull() noexcept { return {Kind::devnull, -1}; }
  // For stderr: the same as stdout.
  [[nodiscard]] static constexpr Stdio to_stdout() noexcept { return {Kind::to_stdout, -1}; }
  // A copy of `fd`, which stays the caller's.
  [[nodiscard]] static constexpr Stdio fd(int fd) noexcept { return {Kind::fd, fd}; }

  [[nodiscard]] constexpr Kind kind() const noexcept { return kind_; }
  [[nodiscard]] constexpr int fd() const noexcept { return fd_; }

 private:
  constexpr Stdio(Kind kind, int fd) noexcept : kind_(kind), fd_(fd) {}

  Kind kind_;
  int fd_;
};

// How a child is started: subprocess.Popen's arguments.
struct SubprocessOptions {
  // None: a pipe for subprocess_exec() and _shell(), inherited for create_subprocess_exec() and _shell() (PROC-01).
  std::optional<Stdio> std_in{};
  std::optional<Stdio> std_out{};
  std::optional<Stdio> std_err{};
  std::optional<std::map<std::string, std::string>> env{};  // none: this process's
  std::string cwd{};                                        // empty: this process's
  std::vector<int> pass_fds{};           // kept open in the child, under the same numbers; all others are closed
  bool start_new_session = false;        // setsid()
  std::optional<pid_t> process_group{};  // setpgid(0, ...); 0: one of its own
};

struct Spawned {
  pid_t pid = -1;
  std::array<UniqueFd, 3> pipes{};  // this side of those standard streams that are pipes
};

// Starts `args`: a program, looked for in the child's PATH unless it has a slash, and its arguments. All streams of
// `options` are given. The child has no signal blocked, and SIGPIPE and SIGXFSZ as they are by default. Throws
// std::system_error, which names the program or the folder that could not be had (PROC-03); ValueError for text with a
// NUL in it. Any thread.
//
// By posix_spawn: a fork would copy the locks that the threads of this process hold.
[[nodiscard]] Spawned spawn(const std::vector<std::string>& args, const SubprocessOptions& options);

}  // namespace evloop
