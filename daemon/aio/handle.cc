#include "aio/handle.h"

#include <exception>

#include "aio/errors.h"
#include "aio/event_loop.h"
#include "aio/timer_queue.h"

namespace evloop {

void ScheduledCall::run() {
  const auto reference = Ref<ScheduledCall>::adopt(this);
  if (cancelled_) return;
  // A reader's callback may remove or replace its own registration: what it captured must live until
  // it returned.
  running_ = true;
  try {
    invoke();
  } catch (const Fatal&) {
    running_ = false;
    throw;
  } catch (...) {
    running_ = false;
    get_running_loop().callback_failed(*this, std::current_exception());
  }
  running_ = false;
  if (cancelled_) discard();
}

void ScheduledCall::cancel() noexcept {
  if (cancelled_) return;
  cancelled_ = true;
  if (!running_) discard();
}

void TimerCall::cancel() noexcept {
  if (cancelled()) return;
  const Ref<TimerCall> self(this);  // the queue's reference may be the last one
  if (queue_) queue_->cancel(*this);
  ScheduledCall::cancel();
}

}  // namespace evloop
