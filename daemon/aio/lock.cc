#include "aio/lock.h"

#include "aio/settled.h"

namespace evloop {

Coro<void> Lock::acquire() {
  // A newcomer passes nobody but those who have given up.
  if (!locked_ && waiters_.all_cancelled()) {
    locked_ = true;
    co_return;
  }
  Waiter waiter(waiters_, binding_.loop(*this), WaitKind::lock);
  const auto woken = co_await settled(waiter.woken());
  waiter.leave();
  if (!woken) {
    // It may have been our turn: then it is the next one's (SYNC-06).
    if (!locked_) waiters_.wake_head();
    std::rethrow_exception(woken.error());
  }
  locked_ = true;
}

void Lock::release() {
  if (!locked_) throw LoopError("Lock is not acquired.");
  locked_ = false;
  waiters_.wake_head();
}

Coro<LockGuard<Lock>> Lock::scoped() {
  co_await acquire();
  co_return LockGuard(*this);
}

std::string Lock::repr() const {
  std::string text = locked_ ? "<Lock [locked" : "<Lock [unlocked";
  if (!waiters_.empty()) text += ", waiters:" + std::to_string(waiters_.size());
  return text + "]>";
}

}  // namespace evloop
