#include "aio/queue.h"

#include "aio/settled.h"

namespace evloop {

void QueueBase::check_room() const {
  if (shut_down_) throw QueueShutDown();
  if (full()) throw QueueFull();
}

void QueueBase::check_item() const {
  if (!empty()) return;
  if (shut_down_) throw QueueShutDown();
  throw QueueEmpty();
}

void QueueBase::item_put() {
  ++size_;
  ++unfinished_;
  finished_.clear();
  getters_.release(1);
}

void QueueBase::item_got() {
  --size_;
  putters_.release(1);
}

Coro<void> QueueBase::wait_for_room() {
  while (full()) {
    if (shut_down_) throw QueueShutDown();
    Waiter putter(putters_, binding_.loop(*this), WaitKind::queue);
    const auto woken = co_await settled(putter.woken());
    if (woken) continue;
    putter.leave();
    // It had been woken, but cannot take the place (QUEUE-06).
    if (!full() && !putter.cancelled()) putters_.release(1);
    std::rethrow_exception(woken.error());
  }
}

Coro<void> QueueBase::wait_for_item() {
  while (empty()) {
    if (shut_down_) throw QueueShutDown();
    Waiter getter(getters_, binding_.loop(*this), WaitKind::queue);
    const auto woken = co_await settled(getter.woken());
    if (woken) continue;
    getter.leave();
    if (!empty() && !getter.cancelled()) getters_.release(1);
    std::rethrow_exception(woken.error());
  }
}

void QueueBase::task_done() {
  if (unfinished_ == 0) throw ValueError("task_done() called too many times");
  if (--unfinished_ == 0) finished_.set();
}

Coro<void> QueueBase::join() {
  if (unfinished_ > 0) co_await finished_.wait();
}

void QueueBase::shut_down(bool discarded) {
  shut_down_ = true;
  if (discarded) {
    unfinished_ -= std::min(unfinished_, std::exchange(size_, 0));
    if (unfinished_ == 0) finished_.set();
  }
  // All of them look again, and find it shut down.
  getters_.release();
  putters_.release();
}

std::string QueueBase::repr() const {
  std::string text = "<Queue maxsize=" + std::to_string(maxsize_);
  if (size_ > 0) text += " items=" + std::to_string(size_);
  if (!getters_.empty()) text += " getters=" + std::to_string(getters_.size());
  if (!putters_.empty()) text += " putters=" + std::to_string(putters_.size());
  if (unfinished_ > 0) text += " tasks=" + std::to_string(unfinished_);
  if (shut_down_) text += " shutdown";
  return text + ">";
}

}  // namespace evloop
