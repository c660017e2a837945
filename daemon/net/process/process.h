#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/process/process_protocol.h"
#include "net/process/subprocess.h"

// asyncio.subprocess: children that coroutines talk to. On the running loop.
namespace evloop {

// A child. Copies mean the same one. It lives, and is reaped, without one. Loop thread only.
class Process {
 public:
  // What a child wrote; none where there is no pipe.
  struct Output {
    std::optional<Bytes> std_out;
    std::optional<Bytes> std_err;
  };

  explicit Process(Subprocess<ProcessProtocol> child) noexcept : child_(std::move(child)) {}

  [[nodiscard]] pid_t pid() const noexcept { return child_.transport->get_pid(); }
  // See SubprocessTransport.
  [[nodiscard]] std::optional<int> returncode() const noexcept { return child_.transport->get_returncode(); }
  // The streams: null where there is no pipe.
  [[nodiscard]] const Ref<StreamWriter>& std_in() const noexcept { return child_.protocol->std_in(); }
  [[nodiscard]] const Ref<StreamReader>& std_out() const noexcept { return child_.protocol->std_out(); }
  [[nodiscard]] const Ref<StreamReader>& std_err() const noexcept { return child_.protocol->std_err(); }

  // Waits for its exit, and answers the returncode. Who does not read what a child writes may wait for ever.
  Coro<int> wait() const { return child_.transport->wait(); }
  // Writes `input`, closes stdin, reads all output at the same time, and waits for the exit. That the child does not
  // want to read its input is no error (PROC-12). A cancelled one leaves the child to the caller.
  Coro<Output> communicate(std::optional<Bytes> input = std::nullopt) const;

  void send_signal(int signal) const { child_.transport->send_signal(signal); }
  void terminate() const { child_.transport->terminate(); }
  void kill() const { child_.transport->kill(); }
  [[nodiscard]] const Ref<SubprocessTransport>& transport() const noexcept { return child_.transport; }

 private:
  Subprocess<ProcessProtocol> child_;
};

// Starts `args`, a program and its arguments. Throws std::system_error, which names the program, and ValueError: see
// spawn(). `limit`: see StreamReader.
Coro<Process> create_subprocess_exec(std::vector<std::string> args, SubprocessOptions options = {},
                                     std::size_t limit = default_stream_limit);
// ... a shell's command.
Coro<Process> create_subprocess_shell(std::string command, SubprocessOptions options = {},
                                      std::size_t limit = default_stream_limit);

}  // namespace evloop
