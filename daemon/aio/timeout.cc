#include "aio/timeout.h"

#include <array>
#include <string>

namespace evloop {

void Timeout::enter() {
  if (state_ != State::created) throw LoopError("Timeout has already been entered");
  auto* task = get_running_loop().current_task();
  if (!task) throw LoopError("Timeout should be used inside a task");
  state_ = State::active;
  task_ = FutureRef(&task->future());
  cancelling_ = task->cancelling();
  reschedule(when_);
}

void Timeout::reschedule(std::optional<TimePoint> when) {
  if (state_ == State::created) throw LoopError("Timeout has not been entered");
  if (state_ != State::active) {
    constexpr std::array names{"created", "active", "expiring", "expired", "finished"};
    throw LoopError(std::string("Cannot change state of ") + names[static_cast<std::size_t>(state_)] + " Timeout");
  }
  when_ = when;
  timer_.cancel();
  timer_ = {};
  if (!when) return;
  auto& loop = get_running_loop();
  if (*when <= loop.time()) {
    timer_ = loop.call_soon([this] { expire(); });
  } else {
    timer_ = loop.call_at(*when, [this] { expire(); });
  }
}

std::exception_ptr Timeout::exit(std::exception_ptr error) {
  timer_.cancel();
  timer_ = {};
  if (state_ == State::expiring) {
    state_ = State::expired;
    // Nobody else has cancelled since: the CancelledError is ours.
    if (task_->as_task()->uncancel() <= cancelling_ && holds<CancelledError>(error))
      error = std::make_exception_ptr(TimeoutError());
  } else if (state_ == State::active) {
    state_ = State::finished;
  }
  task_ = nullptr;
  return error;
}

void Timeout::expire() {
  task_->cancel();
  state_ = State::expiring;
  timer_ = {};
}

Coro<void> cancel_and_wait(FutureRef future) {
  auto waiter = get_running_loop().create_future<void>();
  const auto callback = future->add_done_callback([waiter](FutureBase&) {
    if (!waiter.done()) waiter.set_result();
  });
  future->cancel();
  const auto ended = co_await settled(waiter);
  future->remove_done_callback(callback);
  if (!ended) std::rethrow_exception(ended.error());
}

}  // namespace evloop
