#include "aio/future_base.h"

#include <algorithm>
#include <iterator>

#include "aio/errors.h"
#include "aio/event_loop.h"

namespace evloop {

void FutureCallback::keep_future() noexcept {
  keeps_future_ = true;
  future_->add_ref();
}

void FutureCallback::let_future_go() noexcept {
  if (std::exchange(keeps_future_, false)) future_->release();
}

void FutureCallback::run() {
  struct AtExit {
    FutureCallback& call;
    ~AtExit() {
      call.let_future_go();
      call.release();
    }
  } const at_exit{*this};
  try {
    invoke();
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    future_->loop().callback_failed(*this, std::current_exception());
  }
  discard();
}

FutureBase::Ending& FutureBase::ending() {
  if (!ending_) ending_ = std::make_unique<Ending>();
  return *ending_;
}

void FutureBase::dispose() noexcept {
  if (std::exchange(unretrieved_, false)) {
    // While it is still whole: the handler is told of it, and may keep it. Else this comes here again.
    const Ref<FutureBase> self(this);
    report_unretrieved();
    return;
  }
  delete this;
}

bool FutureBase::cancel(std::optional<std::string> message) {
  unretrieved_ = false;
  if (done()) return false;
  check_pending();
  return cancel_now(std::move(message));
}

bool FutureBase::cancel_now(std::optional<std::string> message) {
  set_cancel_message(std::move(message));
  finish(State::cancelled);
  return true;
}

void FutureBase::set_cancel_message(std::optional<std::string> message) {
  if (message || ending_) ending().cancel_message = std::move(message);
}

void FutureBase::check_pending() const {
  if (done()) throw InvalidState("invalid state");
  // Without callbacks nothing but this object is touched, and whoever has it may complete it (DBG-03).
  if (first_callback_) loop_->check_thread();
}

void FutureBase::set_exception(std::exception_ptr error) {
  check_pending();
  if (!error) throw TypeError("invalid exception object");
  finish_with(std::move(error));
}

void FutureBase::finish_with(std::exception_ptr error) {
  ending().error = std::move(error);
  unretrieved_ = true;
  finish(State::finished);
}

void FutureBase::finish(State state) {
  state_ = state;
  auto* const first = first_callback_;
  if (!first) return;
  if (!first->next_ && first->kind() == WorkKind::task && !loop_->has_mail()) [[likely]] {
    // One task waits, nearly always: it changes lists, and that is all.
    first_callback_ = nullptr;
    return loop_->queue_woken_next(static_cast<TaskBase&>(*first));
  }
  queue_callbacks();
}

void FutureBase::queue_callbacks() {
  const Ref<FutureBase> self(this);  // a callback's end may drop the last other reference
  // The state is final before a closed loop can refuse the callbacks, which are lost then (LIFE-42).
  if (loop_->is_closed()) [[unlikely]] {
    drop_callbacks();
    throw LoopError("Event loop is closed");
  }
  while (first_callback_) loop_->queue_done(take_first());
}

// Of a list that is not empty.
DoneCallback& FutureBase::take_first() noexcept {
  auto& callback = *first_callback_;
  first_callback_ = std::exchange(callback.next_, nullptr);
  if (first_callback_) first_callback_->previous_ = callback.previous_;
  left_list(callback);
  return callback;
}

void FutureBase::drop_callbacks() noexcept {
  while (first_callback_) take_first().drop();
}

// A user's callback owns the future it has to be called with, until it has been.
void FutureBase::left_list(DoneCallback& callback) noexcept {
  if (callback.kind() != WorkKind::done_callback) return;
  auto& call = static_cast<FutureCallback&>(callback);
  call.listed_ = false;
  if (done()) call.keep_future();
}

std::exception_ptr FutureBase::exception() {
  if (state_ == State::cancelled) std::rethrow_exception(make_cancelled_error());
  if (state_ == State::pending) throw InvalidState("Exception is not set.");
  unretrieved_ = false;
  return peek_exception();
}

void FutureBase::check_result() {
  if (state_ == State::cancelled) std::rethrow_exception(make_cancelled_error());
  if (state_ == State::pending) throw InvalidState("Result is not set.");
  unretrieved_ = false;
  if (ending_ && ending_->error) std::rethrow_exception(ending_->error);
}

std::exception_ptr FutureBase::make_cancelled_error() {
  if (!ending_) return std::make_exception_ptr(CancelledError());
  if (state_ == State::cancelled && ending_->error) return std::exchange(ending_->error, nullptr);
  return std::make_exception_ptr(CancelledError(ending_->cancel_message));
}

void FutureBase::register_callback(FutureCallback& call) {
  call.add_ref();  // for the list, or for the ready queue
  if (done()) {
    if (loop_->is_closed()) {
      call.release();
      throw LoopError("Event loop is closed");
    }
    call.keep_future();
    loop_->queue_done(call);
    return;
  }
  call.listed_ = true;
  link(call);
}

std::vector<Ref<FutureBase>> FutureBase::awaiters() const {
  std::vector<Ref<FutureBase>> found;
  for (const auto* callback = first_callback_; callback; callback = callback->next_) {
    auto* awaiter = callback->awaiter();
    if (!awaiter) continue;
    if (awaiter->as_task()) {
      found.emplace_back(awaiter);
    } else {
      // A gather, a wait, a shield: whoever waits for that.
      std::ranges::move(awaiter->awaiters(), std::back_inserter(found));
    }
  }
  return found;
}

std::size_t FutureBase::remove_done_callback(const DoneCallbackId& id) noexcept {
  if (!id || !id->listed_ || id->future_ != this) return 0;
  unlink(*id);
  id->listed_ = false;
  id->discard();
  id->release();
  return 1;
}

void FutureBase::unlink(DoneCallback& callback) noexcept {
  auto* const next = std::exchange(callback.next_, nullptr);
  (&callback == first_callback_ ? first_callback_ : callback.previous_->next_) = next;
  if (auto* const now_before = next ? next : first_callback_) now_before->previous_ = callback.previous_;
  left_list(callback);
}

void FutureBase::report_unretrieved() noexcept {
  try {
    const bool task = wait_kind_ == WaitKind::task;
    loop_->call_exception_handler(
        {.message = task ? "Task exception was never retrieved" : "Future exception was never retrieved",
         .exception = peek_exception(),
         .future = Ref<FutureBase>(this)});
  } catch (...) {
    // A destructor: even a fatal error of the handler ends here.
  }
}

}  // namespace evloop
