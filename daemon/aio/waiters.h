#pragma once

#include <cstddef>
#include <limits>

#include "aio/event_loop.h"
#include "aio/wait_point.h"

namespace evloop {

class Waiter;

// Ties a primitive to the loop of the first call that has to wait (SYNC-01).
class LoopBinding {
 public:
  // The running loop. Throws LoopError, naming `primitive`, if that is not the one it is bound to.
  template <class Primitive>
  EventLoop& loop(const Primitive& primitive) {
    auto& running = get_running_loop();
    if (!loop_) loop_ = &running;
    if (loop_ != &running) throw LoopError(primitive.repr() + " is bound to a different event loop");
    return running;
  }

 private:
  const EventLoop* loop_ = nullptr;
};

// Who waits at a primitive, in order of arrival. A waiter that was woken or cancelled stays until its task
// runs, as in asyncio: the order of service depends on it. Loop thread only.
class Waiters {
 public:
  Waiters() = default;
  ~Waiters();
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Whether all of them, if any, are cancelled.
  [[nodiscard]] bool all_cancelled() const noexcept;

  // Wakes the first one, unless it is on its way already.
  void wake_head();
  // Wakes the first `most` that are still waiting; answers how many.
  std::size_t wake(std::size_t most = std::numeric_limits<std::size_t>::max());
  // The same, and takes them off the list, with those before them. For queues, whose waiters come anew.
  std::size_t release(std::size_t most = std::numeric_limits<std::size_t>::max());

 private:
  friend class Waiter;

  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t size_ = 0;
};

// A place in the list while it lives, in the frame of the coroutine that waits.
class Waiter {
 public:
  Waiter(Waiters& list, EventLoop& loop, WaitKind kind);
  ~Waiter() { leave(); }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // `co_await waiter.woken()`: see WaitPoint.
  [[nodiscard]] WaitPoint::Woken woken() noexcept { return point_.woken(); }
  [[nodiscard]] bool cancelled() const noexcept { return point_.cancelled(); }
  void leave() noexcept;

 private:
  friend class Waiters;

  Waiters* list_;
  Waiter* next_ = nullptr;
  Waiter* previous_;
  WaitPoint point_;
};

}  // namespace evloop
