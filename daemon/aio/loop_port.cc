#include "aio/loop_port.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "aio/errors.h"
#include "aio/event_loop.h"
#include "aio/ready_queue.h"
#include "base/system_error.h"

namespace evloop {

// --- PostedCall ---

void PostedCall::run() {
  auto expected = State::waiting;
  runner_ = std::this_thread::get_id();
  if (references_.load(std::memory_order_acquire) == 1) {
    // Nobody else has a handle, and nobody can get one: no need to announce anything.
    if (state_.load(std::memory_order_relaxed) == State::cancelled) return spent();
  } else if (!state_.compare_exchange_strong(expected, State::running, std::memory_order_acq_rel)) {
    return spent();
  }
  struct Done {
    PostedCall& call;
    ~Done() {
      if (call.references_.load(std::memory_order_acquire) != 1) {
        call.state_.store(State::done, std::memory_order_release);
        call.state_.notify_all();
      }
      call.spent();
    }
  } done{*this};
  try {
    function_();
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    loop_->callback_failed(*this, std::current_exception());
  }
}

void PostedCall::drop() noexcept {
  function_.reset();
  release();
}

void PostedCall::spent() noexcept {
  function_.reset();
  if (references_.load(std::memory_order_acquire) != 1) return release();
  next_ = port_->spent_;
  port_->spent_ = this;
}

void PostedCall::cancel() {
  cancelled_.store(true, std::memory_order_relaxed);
  auto expected = State::waiting;
  // The callable is destroyed by the loop when its turn comes: what it captured belongs to that thread.
  if (state_.compare_exchange_strong(expected, State::cancelled, std::memory_order_acq_rel)) return;
  wait_while_running();
}

bool PostedCall::cancelled() {
  wait_while_running();
  return cancelled_.load(std::memory_order_relaxed);
}

void PostedCall::wait_while_running() {
  // The callback itself may cancel its own handle (SCHED-07).
  if (state_.load(std::memory_order_acquire) == State::running && runner_ != std::this_thread::get_id())
    state_.wait(State::running, std::memory_order_acquire);
}

// --- LoopPort ---

LoopPort::LoopPort() : wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_fd_) throw_errno("eventfd");
}

LoopPort::~LoopPort() {
  for (auto* list : {first_, recycled_, spent_})
    while (list) delete std::exchange(list, list->next_);
}

void LoopPort::throw_closed() { throw LoopError("Event loop is closed"); }

bool LoopPort::enqueue(PostedCall& call) {
  PostedCall* recycled = nullptr;
  bool was_empty = false;
  bool accepted = false;
  {
    const std::lock_guard lock(mutex_);
    accepted = accepts_;
    if (accepted) {
      was_empty = first_ == nullptr;
      (was_empty ? first_ : last_->next_) = &call;
      last_ = &call;
      posted_.store(posted_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      if (was_empty) has_mail_.store(true, std::memory_order_seq_cst);
      recycled = std::exchange(recycled_, nullptr);
    }
  }
  if (!accepted) {
    call.drop();
    return false;
  }
  // The blocks come back to the posting thread's cache, so that a steady stream of posts allocates nothing.
  while (recycled) delete std::exchange(recycled, recycled->next_);
  // Only the first post of a batch can find the loop asleep. The pair of seq_cst operations here and in
  // prepare_sleep() decides who sees whom.
  if (was_empty && sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false)) {
    const std::uint64_t one = 1;
    // A full counter already guarantees the wake-up (SCHED-04).
    [[maybe_unused]] const auto written = ::write(wake_fd_.get(), &one, sizeof one);
    wakeups_.fetch_add(1, std::memory_order_relaxed);
  }
  return true;
}

std::size_t LoopPort::drain_to(ReadyQueue& ready, EventLoop& loop) {
  PostedCall* list = nullptr;
  {
    const std::lock_guard lock(mutex_);
    list = std::exchange(first_, nullptr);
    last_ = nullptr;
    has_mail_.store(false, std::memory_order_relaxed);
    if (!recycled_) recycled_ = std::exchange(spent_, nullptr);
  }
  std::size_t taken = 0;
  while (list) {
    auto* call = std::exchange(list, list->next_);
    call->next_ = nullptr;
    call->loop_ = &loop;
    call->port_ = this;
    ready.push(call);
    ++taken;
  }
  stats.threadsafe_calls.add(taken);
  return taken;
}

bool LoopPort::prepare_sleep() noexcept {
  sleeping_.store(true, std::memory_order_seq_cst);
  if (!has_mail_.load(std::memory_order_seq_cst)) return true;
  sleeping_.store(false, std::memory_order_relaxed);
  return false;
}

void LoopPort::take_wake_up() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_fd_.get(), &count, sizeof count);
}

void LoopPort::close() noexcept {
  PostedCall* refused = nullptr;
  {
    const std::lock_guard lock(mutex_);
    accepts_ = false;
    closed_.store(true, std::memory_order_release);
    last_ = nullptr;
    has_mail_.store(false, std::memory_order_relaxed);
    refused = std::exchange(first_, nullptr);
  }
  while (refused) std::exchange(refused, refused->next_)->drop();
}

}  // namespace evloop
