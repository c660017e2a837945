#pragma once

#include <coroutine>
#include <exception>
#include <utility>

#include "aio/task.h"

namespace evloop {

// A future that lies in the frame of the coroutine that waits for it, so that waiting allocates nothing: the place
// where one task waits until somebody who was given its address wakes it. It ends with the wait, however that ends, and
// who has the address must have forgotten it by then. Loop thread only.
class WaitPoint final : public FutureBase {
 public:
  WaitPoint(EventLoop& loop, WaitKind kind) noexcept : FutureBase(loop) {
    set_wait_kind(kind);
    add_ref();  // the frame's: counting never ends it
  }

  // End the wait, unless it has ended or was cancelled.
  void wake() {
    if (!done()) finish(State::finished);
  }
  void fail(std::exception_ptr error) {
    if (!done()) finish_with(std::move(error));
  }

  // Throws what it failed with, or CancelledError.
  void check() {
    if (!succeeded()) [[unlikely]]
      check_result();
  }

  class Awaiter : public WaitForFuture {
   public:
    Awaiter(WaitPoint& point, AwaitSite site) noexcept : WaitForFuture(site), point_(point) {}
    [[nodiscard]] bool await_ready() const noexcept { return point_.done(); }
    template <class P>
    void await_suspend(std::coroutine_handle<P> frame) {
      wait(frame, point_);
    }
    void await_resume() {
      deliver_interrupt(point_);
      point_.check();
    }

   private:
    WaitPoint& point_;
  };
  struct Woken {
    WaitPoint* point;
    Awaiter awaited(AwaitSite site) const noexcept { return {*point, site}; }
  };
  // `co_await point.woken()` returns when it is woken; throws as check() does.
  [[nodiscard]] Woken woken() noexcept { return {this}; }
};

}  // namespace evloop
