#pragma once

#include <cstddef>
#include <string>
#include <type_traits>

#include "aio/lock.h"

namespace evloop {

// asyncio.Condition: tasks that hold a lock wait until another one notifies them (SYNC-09 to SYNC-13). A wait
// may return without a notification of its own: look at what is waited for again. Outlives who waits for
// it. One loop's thread.
class Condition {
 public:
  // `shared`: the lock to use, which outlives this; null: one of its own. `kind`: what its waiters are said to
  // wait for.
  explicit Condition(Lock* shared = nullptr, WaitKind kind = WaitKind::condition) noexcept
      : kind_(kind), lock_(shared ? *shared : own_lock_) {}
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  // The lock's.
  Coro<void> acquire() { return lock_.acquire(); }
  void release() { lock_.release(); }
  [[nodiscard]] bool locked() const noexcept { return lock_.locked(); }
  Coro<LockGuard<Lock>> scoped() { return lock_.scoped(); }

  // Releases the lock, waits, and has the lock again when it returns or throws, however often it is cancelled
  // meanwhile. All of these throw LoopError if the lock is not held.
  Coro<void> wait();
  // Waits until the predicate is true; answers its value.
  template <class P>
  auto wait_for(P predicate) -> Coro<std::invoke_result_t<P&>> {
    auto result = predicate();
    while (!result) {
      co_await wait();
      result = predicate();
    }
    co_return result;
  }
  // Wakes the `most` who wait longest; does not release the lock.
  void notify(std::size_t most = 1);
  void notify_all() { notify(waiters_.size()); }

  [[nodiscard]] std::string repr() const;

 private:
  const WaitKind kind_;
  Lock own_lock_;
  Lock& lock_;
  LoopBinding binding_;
  Waiters waiters_;
};

}  // namespace evloop
