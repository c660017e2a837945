#include "aio/handle.h"

#include <exception>

#include "aio/errors.h"
#include "aio/event_loop.h"
#include "aio/timer_queue.h"

namespace evloop {

void FunctionCall::run() {
  const auto reference = Ref<ScheduledCall>::adopt(this);
  if (cancelled()) return;
  // A reader's callback may remove or replace its own registration: what it captured must live until
  // it returned.
  running_ = true;
  try {
    invoke();
  } catch (...) {
    running_ = false;
    failed();
  }
  running_ = false;
  if (cancelled()) [[unlikely]]
    discard();
}

void ScheduledCall::failed() {
  try {
    throw;
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    get_running_loop().callback_failed(*this, std::current_exception());
  }
}

void FunctionCall::cancel() noexcept {
  if (cancelled()) return;
  ScheduledCall::cancel();
  if (!running_) discard();
}

void TimerCall::cancel() noexcept {
  if (cancelled()) return;
  const Ref<TimerCall> self(this);  // the queue's reference may be the last one
  if (queue_) queue_->cancel(*this);
  FunctionCall::cancel();
}

}  // namespace evloop
