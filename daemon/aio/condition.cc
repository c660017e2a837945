#include "aio/condition.h"

#include "aio/settled.h"

namespace evloop {

Coro<void> Condition::wait() {
  if (!locked()) throw LoopError("cannot wait on un-acquired lock");
  auto& loop = binding_.loop(*this);
  release();
  std::exception_ptr error;
  {
    Waiter waiter(waiters_, loop, kind_);
    error = (co_await settled(waiter.woken())).error();
  }
  // The last cancellation is the one that is thrown (SYNC-10).
  for (;;) {
    const auto acquired = co_await settled(acquire());
    if (acquired) break;
    error = acquired.error();
    if (!acquired.cancelled()) break;
  }
  if (error) {
    // It may have been notified: then that is for the next one (SYNC-12).
    waiters_.wake(1);
    std::rethrow_exception(error);
  }
}

void Condition::notify(std::size_t most) {
  if (!locked()) throw LoopError("cannot notify on un-acquired lock");
  waiters_.wake(most);
}

std::string Condition::repr() const {
  std::string text = locked() ? "<Condition [locked" : "<Condition [unlocked";
  if (!waiters_.empty()) text += ", waiters:" + std::to_string(waiters_.size());
  return text + "]>";
}

}  // namespace evloop
