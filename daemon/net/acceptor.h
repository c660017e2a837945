#pragma once

#include <cstdint>
#include <functional>

#include "aio/event_loop.h"
#include "base/unique_fd.h"

namespace evloop {

// Accepts connections on a listening socket that somebody else owns and keeps open. Watches it from start() to stop();
// destruction stops it. In each turn that finds it readable, takes up to backlog + 1 connections (SRV-09) and hands
// each, non-blocking and close-on-exec, to the callback. Loop thread only.
class Acceptor {
 public:
  // May stop the acceptor, but not destroy it. What it throws goes to the loop's exception handler; accepting goes on.
  using OnConnection = std::move_only_function<void(UniqueFd connection)>;

  // Asked before each connection: false ends the round, and the others wait in the kernel's queue. It must not throw.
  using MayAccept = std::move_only_function<bool()>;

  static constexpr Duration retry_delay = std::chrono::seconds(1);

  // `backlog` is what bounds a round; listening is up to the owner. No `may_accept`: always.
  Acceptor(EventLoop& loop, int fd, int backlog, OnConnection on_connection, MayAccept may_accept = {});
  ~Acceptor() { stop(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Idempotent. Throws LoopError if a transport uses the fd, std::system_error.
  void start();
  // Idempotent; the fd is free for others, or to be closed, when it returns. Also after the loop was closed.
  void stop() noexcept;
  [[nodiscard]] bool is_started() const noexcept { return started_; }
  // Waits for the system to have file descriptors or memory again (SRV-11).
  [[nodiscard]] bool is_paused() const noexcept { return static_cast<bool>(retry_); }
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  void watch();
  void accept_ready();
  void pause(int error);

  EventLoop& loop_;
  const int fd_;
  const int backlog_;
  OnConnection on_connection_;
  MayAccept may_accept_;
  bool started_ = false;
  TimerHandle retry_;
};

}  // namespace evloop
