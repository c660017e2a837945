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

  // Says who may come.
  class Gate {
   public:
    virtual ~Gate() = default;
    // Asked before each connection: false ends the round, and the others wait in the kernel's queue. It may suspend the
    // acceptor.
    [[nodiscard]] virtual bool opens() = 0;
    // It did, and there was nobody.
    virtual void nobody_came() noexcept = 0;
  };

  static constexpr Duration retry_delay = std::chrono::seconds(1);

  // `backlog` is what bounds a round; listening is up to the owner. No `gate`: it is always open; else it outlives
  // this.
  Acceptor(EventLoop& loop, int fd, int backlog, OnConnection on_connection, Gate* gate = nullptr);
  ~Acceptor() { stop(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Idempotent. Throws LoopError if a transport uses the fd, std::system_error.
  void start();
  // Idempotent; the fd is free for others, or to be closed, when it returns. Also after the loop was closed.
  void stop() noexcept;
  [[nodiscard]] bool is_started() const noexcept { return started_; }
  // Leaves the socket alone until resume(), or until it is stopped and started: clients wait in the kernel's queue.
  // Both are idempotent, and without effect while it is stopped.
  void suspend() noexcept;
  void resume();
  [[nodiscard]] bool is_suspended() const noexcept { return suspended_; }
  // Waits for the system to have file descriptors or memory again (SRV-11).
  [[nodiscard]] bool is_paused() const noexcept { return static_cast<bool>(retry_); }
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  void watch();
  void unwatch() noexcept;  // or waits for the system no more
  void accept_ready();
  void pause(int error);

  EventLoop& loop_;
  const int fd_;
  const int backlog_;
  OnConnection on_connection_;
  Gate* const gate_;
  bool started_ = false;
  bool suspended_ = false;
  TimerHandle retry_;
};

}  // namespace evloop
