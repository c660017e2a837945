#include "aio/semaphore.h"

#include "aio/settled.h"

namespace evloop {

Semaphore::Semaphore(std::int64_t value, std::int64_t bound) : bound_(bound), value_(value) {
  if (value < 0) throw ValueError("Semaphore initial value must be >= 0");
}

Coro<void> Semaphore::acquire() {
  if (!locked()) {
    --value_;
    co_return;
  }
  Waiter waiter(waiters_, binding_.loop(*this), WaitKind::semaphore);
  const auto woken = co_await settled(waiter.woken());
  waiter.leave();
  // It had been given a unit, but cannot take it (SYNC-17).
  if (!woken && !waiter.cancelled()) ++value_;
  // Newcomers had to queue up although units were left.
  while (value_ > 0 && wake_next()) {
  }
  if (!woken) std::rethrow_exception(woken.error());
}

void Semaphore::release() {
  if (value_ >= bound_) throw ValueError("BoundedSemaphore released too many times");
  ++value_;
  wake_next();
}

bool Semaphore::wake_next() {
  --value_;  // before: the unit is given away even if the loop is closed and the wake-up throws (LIFE-42)
  if (waiters_.wake(1) != 0) return true;
  ++value_;
  return false;
}

Coro<LockGuard<Semaphore>> Semaphore::scoped() {
  co_await acquire();
  co_return LockGuard(*this);
}

std::string Semaphore::repr() const {
  std::string text = locked() ? "<Semaphore [locked" : "<Semaphore [unlocked, value:" + std::to_string(value_);
  if (!waiters_.empty()) text += ", waiters:" + std::to_string(waiters_.size());
  return text + "]>";
}

}  // namespace evloop
