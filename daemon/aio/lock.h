#pragma once

#include <string>

#include "aio/coro.h"
#include "aio/lock_guard.h"
#include "aio/waiters.h"

namespace evloop {

// asyncio.Lock: mutual exclusion of tasks, served in order of arrival (SYNC-02 to SYNC-06). It has no owner.
// Outlives who waits for it. One loop's thread.
class Lock {
 public:
  Lock() = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // Suspends only if it is held, or promised to another task.
  Coro<void> acquire();
  // Wakes the first waiter. Throws LoopError("Lock is not acquired.").
  void release();
  // False also between a release and the woken task's step (SYNC-04).
  [[nodiscard]] bool locked() const noexcept { return locked_; }

  //   const auto held = co_await lock.scoped();
  Coro<LockGuard<Lock>> scoped();

  [[nodiscard]] std::string repr() const;

 private:
  LoopBinding binding_;
  Waiters waiters_;
  bool locked_ = false;
};

}  // namespace evloop
