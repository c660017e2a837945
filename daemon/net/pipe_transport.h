#pragma once

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "net/flow_control.h"

namespace evloop {

// What the two ends of a pipe have in common: how they begin and how they end. See Transport for who owns them. Loop
// thread only.
class PipeTransport : public FlowControlledTransport, private FdOwner {
 public:
  ~PipeTransport() override;

  // asyncio's get_extra_info("pipe"); a pipe has no addresses.
  [[nodiscard]] int fd() const noexcept final { return fd_.get(); }
  [[nodiscard]] const SocketAddress& sockname() const final;
  [[nodiscard]] const SocketAddress& peername() const final { return sockname(); }

 protected:
  // Takes over `fd`, which becomes non-blocking. Throws LoopError if another transport uses it; it is closed then.
  PipeTransport(EventLoop& loop, UniqueFd fd, Ref<BaseProtocol> protocol);

  // Queues connection_made; start() follows, then the waiter's completion (PIPE-02).
  void begin(const Future<void>& waiter);
  // connection_made has been called.
  virtual void start() = 0;

  // Watches `fd` until it is closing. `failed`: what to tell if the system cannot.
  template <class F>
  void watch(Interest side, const char* failed, F&& function) {
    try {
      loop_->watch(fd_.get(), side, std::forward<F>(function));
    } catch (const std::system_error&) {
      fatal_error(std::current_exception(), failed);
    }
  }
  void unwatch(Interest side) noexcept { loop_->unwatch(fd_.get(), side); }

  // The end without mercy: `error` goes to connection_lost. Told to the exception handler first, unless
  // is_ordinary(error).
  void fatal_error(std::exception_ptr error, const char* message);
  [[nodiscard]] virtual bool is_ordinary(const std::exception_ptr& error) const = 0;
  // Drops what waits to be written, and watches no more.
  void force_close(std::exception_ptr error) override = 0;
  void queue_connection_lost(std::exception_ptr error);
  void call_connection_lost(std::exception_ptr error);

 private:
  // FdOwner
  [[nodiscard]] std::string description() const override { return describe(); }
  [[nodiscard]] bool holds_fd() const noexcept override { return !closing_; }
  void loop_closed() noexcept override;

  void let_go() noexcept;

  UniqueFd fd_;
};

}  // namespace evloop
