#include "aio/waiters.h"

namespace evloop {

Waiters::~Waiters() {
  // Frames that were suspended for good may go later than what they waited at.
  while (first_) first_->leave();
}

bool Waiters::all_cancelled() const noexcept {
  for (const auto* waiter = first_; waiter; waiter = waiter->next_)
    if (!waiter->point_.cancelled()) return false;
  return true;
}

void Waiters::wake_head() {
  if (first_) first_->point_.wake();
}

std::size_t Waiters::wake(std::size_t most) {
  std::size_t woken = 0;
  for (auto* waiter = first_; waiter && woken < most; waiter = waiter->next_) {
    if (waiter->point_.done()) continue;
    ++woken;
    waiter->point_.wake();
  }
  return woken;
}

std::size_t Waiters::release(std::size_t most) {
  std::size_t woken = 0;
  while (first_ && woken < most) {
    auto& waiter = *first_;
    waiter.leave();
    if (waiter.point_.done()) continue;
    ++woken;
    waiter.point_.wake();
  }
  return woken;
}

Waiter::Waiter(Waiters& list, EventLoop& loop, WaitKind kind)
    : list_(&list), previous_(list.last_), point_(loop, kind) {
  (previous_ ? previous_->next_ : list.first_) = this;
  list.last_ = this;
  ++list.size_;
}

void Waiter::leave() noexcept {
  if (!list_) return;
  (previous_ ? previous_->next_ : list_->first_) = next_;
  (next_ ? next_->previous_ : list_->last_) = previous_;
  --list_->size_;
  list_ = nullptr;
}

}  // namespace evloop
