#pragma once

#include <string>

#include "aio/coro.h"
#include "aio/waiters.h"

namespace evloop {

// asyncio.Event: a flag that tasks wait for (SYNC-07, SYNC-08). Outlives who waits for it. One loop's thread.
class Event {
 public:
  // `kind`: what its waiters are said to wait for.
  explicit Event(WaitKind kind = WaitKind::event) noexcept : kind_(kind) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Suspends only if it is not set. All who wait when it is set return, even if it is cleared at once.
  Coro<void> wait();
  void set();
  void clear() noexcept { value_ = false; }
  [[nodiscard]] bool is_set() const noexcept { return value_; }

  [[nodiscard]] std::string repr() const;

 private:
  const WaitKind kind_;
  LoopBinding binding_;
  Waiters waiters_;
  bool value_ = false;
};

}  // namespace evloop
