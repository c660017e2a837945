#include "aio/loop_port.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstddef>

#include "aio/errors.h"
#include "aio/event_loop.h"
#include "aio/ready_queue.h"
#include "base/system_error.h"

namespace evloop {
namespace {

// The one that runs on this thread, if others may wait for its end.
constinit thread_local const PostedCall* running_here = nullptr;

}  // namespace

// --- PostedCall ---

void PostedCall::run() {
  auto expected = State::waiting;
  if (references_.load(std::memory_order_acquire) == 1) {
    // Nobody else has a handle, and nobody can get one: no need to announce anything.
    if (state_.load(std::memory_order_relaxed) == State::cancelled) return spent();
  } else if (!state_.compare_exchange_strong(expected, State::running, std::memory_order_acq_rel)) {
    return spent();
  }
  running_here = this;
  struct Done {
    PostedCall& call;
    ~Done() {
      running_here = nullptr;
      if (call.references_.load(std::memory_order_acquire) != 1) {
        call.state_.store(State::done, std::memory_order_release);
        call.state_.notify_all();
      }
      call.spent();
    }
  } done{*this};
  try {
    invoke();
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    get_running_loop().callback_failed(*this, std::current_exception());
  }
}

void PostedCall::drop() noexcept {
  discard();
  release();
}

void PostedCall::spent() noexcept {
  discard();
  if (references_.load(std::memory_order_acquire) != 1) {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    references_.store(1, std::memory_order_relaxed);  // its handle went meanwhile: it is the list's
  }
  auto& port = *get_running_loop().port();
  next_ = port.spent_;
  port.spent_ = this;
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
  if (state_.load(std::memory_order_acquire) == State::running && running_here != this)
    state_.wait(State::running, std::memory_order_acquire);
}

// --- LoopPort ---

PostedCall* LoopPort::closed_mark() noexcept {
  static std::max_align_t mark;
  return reinterpret_cast<PostedCall*>(&mark);  // an address that no call has
}

LoopPort::LoopPort() : wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_fd_) throw_errno("eventfd");
}

LoopPort::~LoopPort() {
  for (auto* list : {recycled_.load(), spent_})
    while (list) std::exchange(list, list->next_)->dispose();
}

void LoopPort::throw_closed() { throw LoopError("Event loop is closed"); }

bool LoopPort::enqueue(PostedCall& call) {
  auto* below = newest_.load(std::memory_order_relaxed);
  do {
    if (below == closed_mark()) {
      call.drop();
      return false;
    }
    call.next_ = below;
  } while (!newest_.compare_exchange_weak(below, &call, std::memory_order_seq_cst, std::memory_order_relaxed));
  posted_.fetch_add(1, std::memory_order_relaxed);
  // Only the first post of a batch can find the loop asleep. The seq_cst operations here and in
  // prepare_sleep() decide who sees whom.
  if (!below && sleeping_.load(std::memory_order_seq_cst) && sleeping_.exchange(false)) {
    const std::uint64_t one = 1;
    // A full counter already guarantees the wake-up (SCHED-04).
    [[maybe_unused]] const auto written = ::write(wake_fd_.get(), &one, sizeof one);
    wakeups_.fetch_add(1, std::memory_order_relaxed);
  }
  // The blocks come back to the posting thread's cache, so that a steady stream of posts allocates nothing.
  if (recycled_.load(std::memory_order_relaxed)) {
    auto* recycled = recycled_.exchange(nullptr, std::memory_order_acquire);
    while (recycled) std::exchange(recycled, recycled->next_)->dispose();
  }
  return true;
}

std::size_t LoopPort::drain_to(ReadyQueue& ready) {
  if (is_closed()) return 0;
  // Newest first; they run in the order in which they came.
  PostedCall* oldest = nullptr;
  for (auto* call = newest_.exchange(nullptr, std::memory_order_acquire); call;) {
    auto* const older = call->next_;
    call->next_ = std::exchange(oldest, call);
    call = older;
  }
  std::size_t taken = 0;
  while (oldest) {
    auto* call = std::exchange(oldest, oldest->next_);
    call->next_ = nullptr;
    ready.push(call);
    ++taken;
  }
  stats.threadsafe_calls.add(taken);
  if (spent_ && !recycled_.load(std::memory_order_relaxed))
    recycled_.store(std::exchange(spent_, nullptr), std::memory_order_release);
  return taken;
}

bool LoopPort::prepare_sleep() noexcept {
  sleeping_.store(true, std::memory_order_seq_cst);
  if (!newest_.load(std::memory_order_seq_cst)) return true;
  sleeping_.store(false, std::memory_order_relaxed);
  return false;
}

void LoopPort::close() noexcept {
  closed_.store(true, std::memory_order_release);
  auto* refused = newest_.exchange(closed_mark(), std::memory_order_acq_rel);
  while (refused) std::exchange(refused, refused->next_)->drop();
}

}  // namespace evloop
