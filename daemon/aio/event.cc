#include "aio/event.h"

#include <utility>

namespace evloop {

Coro<void> Event::wait() {
  if (value_) co_return;
  Waiter waiter(waiters_, binding_.loop(*this), kind_);
  co_await waiter.woken();
}

void Event::set() {
  if (!std::exchange(value_, true)) waiters_.wake();
}

std::string Event::repr() const {
  std::string text = value_ ? "<Event [set" : "<Event [unset";
  if (!waiters_.empty()) text += ", waiters:" + std::to_string(waiters_.size());
  return text + "]>";
}

}  // namespace evloop
