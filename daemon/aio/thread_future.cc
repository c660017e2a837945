#include "aio/thread_future.h"

namespace evloop {

bool ThreadFutureBase::done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

bool ThreadFutureBase::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

bool ThreadFutureBase::cancel() {
  return complete([&] {
    cancelled_ = true;
    error_ = std::make_exception_ptr(CancelledError());
  });
}

void ThreadFutureBase::wait(std::optional<Duration> timeout) const {
  std::unique_lock lock(mutex_);
  if (!timeout) {
    changed_.wait(lock, [&] { return done_; });
  } else if (!changed_.wait_for(lock, *timeout, [&] { return done_; })) {
    throw TimeoutError();
  }
}

void ThreadFutureBase::add_done_callback(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!done_) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

}  // namespace evloop
