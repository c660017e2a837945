#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "base/block_cache.h"
#include "net/process/child.h"
#include "net/process/subprocess_protocol.h"
#include "net/transport.h"

namespace evloop {

// A child process and the pipes to its standard streams. Loop thread only.
//
// Counts its references, plainly. The loop holds one until connection_lost has returned, so a child lives, and is
// reaped, without anybody holding its transport. One that is left when the loop is closed is killed and reaped then,
// with a warning (PROC-18).
class SubprocessTransport final : public BlockCached, private FdOwner {
 public:
  // Takes over `child` and this side of its standard streams, and queues connection_made; `waiter` is completed then.
  static Ref<SubprocessTransport> create(EventLoop& loop, Child child, std::array<UniqueFd, 3> pipes,
                                         Ref<SubprocessProtocol> protocol, Future<void> waiter = {});
  SubprocessTransport(const SubprocessTransport&) = delete;
  SubprocessTransport& operator=(const SubprocessTransport&) = delete;

  [[nodiscard]] pid_t get_pid() const noexcept { return pid_; }
  // None while it runs; its exit status, or the negative number of the signal that ended it (PROC-08).
  [[nodiscard]] std::optional<int> get_returncode() const noexcept { return returncode_; }
  // Of the child's descriptor 0, 1 or 2: null if that is no pipe. Also after that was closed.
  [[nodiscard]] Ref<Transport> get_pipe_transport(int fd) const;

  // Does nothing once the exit is noticed. When everything is over it throws std::system_error with ESRCH (Python:
  // ProcessLookupError) (PROC-11), as for a signal that cannot be sent.
  void send_signal(int signal);
  void terminate();
  void kill();
  // Closes the pipes, and kills the child if it still runs (PROC-14).
  void close();
  [[nodiscard]] bool is_closing() const noexcept { return closing_; }
  // The returncode, as soon as the child has exited, be its pipes open or not (PROC-09). Any number of tasks may wait.
  Coro<int> wait() { return wait_for(Ref(this)); }

  void set_protocol(Ref<SubprocessProtocol> protocol) { protocol_ = std::move(protocol); }
  [[nodiscard]] Ref<SubprocessProtocol> get_protocol() const { return protocol_; }
  // For messages: "<SubprocessTransport pid=7 running ...>".
  [[nodiscard]] std::string describe() const;

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

 private:
  class PipeProtocol;

  SubprocessTransport(EventLoop& loop, Child child, Ref<SubprocessProtocol> protocol);

  // FdOwner
  [[nodiscard]] std::string description() const override { return describe(); }
  [[nodiscard]] bool holds_fd() const noexcept override { return true; }
  void loop_closed() noexcept override;

  void connect(std::array<UniqueFd, 3> pipes);
  void begin(const Future<void>& waiter);
  static Coro<int> wait_for(Ref<SubprocessTransport> transport);
  void child_ready();
  void pipe_lost(int fd, std::exception_ptr error);
  void wake_waiters();
  void finish_if_over();
  void call_connection_lost();
  void let_go() noexcept;

  EventLoop* loop_;  // null when everything is over
  Ref<SubprocessProtocol> protocol_;
  const pid_t pid_;
  std::optional<Child> child_;  // until everything is over: by its descriptor the loop knows this
  std::optional<int> returncode_;
  std::array<Ref<Transport>, 3> pipes_;  // by the child's descriptor
  std::vector<Future<int>> waiters_;
  std::uint32_t references_ = 0;
  int open_pipes_ = 0;
  bool closing_ = false;
};

}  // namespace evloop
