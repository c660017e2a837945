#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "aio/coro.h"
#include "aio/lock_guard.h"
#include "aio/waiters.h"

namespace evloop {

// asyncio.Semaphore: lets a number of tasks in at a time, in order of arrival (SYNC-14 to SYNC-18). Outlives
// who waits for it. One loop's thread.
class Semaphore {
 public:
  // Throws ValueError if it is negative.
  explicit Semaphore(std::int64_t value = 1) : Semaphore(value, std::numeric_limits<std::int64_t>::max()) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // Suspends if nothing is left, or if others wait already.
  Coro<void> acquire();
  // Gives one unit back, straight to the first who waits.
  void release();
  // Whether acquire() would suspend.
  [[nodiscard]] bool locked() const noexcept { return value_ == 0 || !waiters_.all_cancelled(); }

  Coro<LockGuard<Semaphore>> scoped();

  [[nodiscard]] std::string repr() const;

 protected:
  Semaphore(std::int64_t value, std::int64_t bound);

 private:
  bool wake_next();

  const std::int64_t bound_;
  std::int64_t value_;
  LoopBinding binding_;
  Waiters waiters_;
};

// One whose release() throws ValueError("BoundedSemaphore released too many times") beyond the initial value.
class BoundedSemaphore final : public Semaphore {
 public:
  explicit BoundedSemaphore(std::int64_t value = 1) : Semaphore(value, value) {}
};

}  // namespace evloop
