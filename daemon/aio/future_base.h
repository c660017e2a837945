#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "aio/call.h"
#include "aio/records.h"
#include "aio/runnable.h"
#include "base/block_cache.h"
#include "base/ref.h"

namespace evloop {

class EventLoop;
class FutureBase;
class TaskBase;

// Something that a future queues when it is done: a waiting task, or a callback. Linked into the list of
// one future at a time.
class DoneCallback : public Runnable {
 public:
  using Runnable::Runnable;

 protected:
  ~DoneCallback() = default;

 private:
  friend class FutureBase;
  DoneCallback* next_ = nullptr;
  DoneCallback* previous_ = nullptr;
};

// A user's done callback: a function that is called with its future. Loop thread only.
class FutureCallback : public CallOf<DoneCallback> {
 public:
  FutureCallback(FutureBase& future, std::source_location where)
      : CallOf(WorkKind::done_callback, where), future_(&future) {}

  void run() override;
  // What it captured goes now: it may own the name of this registration.
  void drop() noexcept override {
    discard();
    release();
  }
  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) dispose();
  }

 protected:
  ~FutureCallback() { let_future_go(); }
  template <class F>
  void call(F& function) {
    static_cast<void>(function(*future_));
  }

 private:
  friend class FutureBase;
  void keep_future() noexcept;
  void let_future_go() noexcept;

  bool listed_ = false;
  bool keeps_future_ = false;  // from when it is queued until it has run; while listed the two would own each other
  std::uint32_t references_ = 0;
  FutureBase* const future_;
};

// Names a registration, for remove_done_callback(). Copies mean the same one.
using DoneCallbackId = Ref<FutureCallback>;

// The part of a future that does not depend on its type, shared by all that hold it. Bound to one loop
// and used on its thread only (FUT-20); must not be completed after its EventLoop object was destroyed.
class FutureBase : public BlockCached {
 public:
  enum class State : std::uint8_t { pending, cancelled, finished };

  explicit FutureBase(EventLoop& loop) noexcept : loop_(&loop) {}
  FutureBase(const FutureBase&) = delete;
  FutureBase& operator=(const FutureBase&) = delete;
  virtual ~FutureBase() {
    if (first_callback_) [[unlikely]]
      drop_callbacks();
  }

  [[nodiscard]] EventLoop& loop() const noexcept { return *loop_; }
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] bool done() const noexcept { return state_ != State::pending; }
  [[nodiscard]] bool cancelled() const noexcept { return state_ == State::cancelled; }

  // Cancels, with a message that each CancelledError will carry (FUT-05, FUT-06). False if it is done.
  virtual bool cancel(std::optional<std::string> message = std::nullopt);

  // Throws InvalidState if done; of a task, LoopError (TASK-02).
  virtual void set_exception(std::exception_ptr error);
  // The exception, null if it finished with a value. Throws InvalidState while pending, CancelledError
  // when cancelled (FUT-02, FUT-04). Counts as retrieved.
  [[nodiscard]] std::exception_ptr exception();
  // The exception that result() would throw, or null; nothing counts as retrieved.
  [[nodiscard]] std::exception_ptr peek_exception() const noexcept {
    return cancelled() || !ending_ ? nullptr : ending_->error;
  }
  // What cancel() was given; null: nothing.
  [[nodiscard]] const std::string* cancel_message() const noexcept {
    return ending_ && ending_->cancel_message ? &*ending_->cancel_message : nullptr;
  }
  // The CancelledError of a cancelled future: what ended a task is handed out once (TASK-36).
  [[nodiscard]] std::exception_ptr make_cancelled_error();
  // Silences the report of a failure that nobody reads (FUT-18).
  void mark_retrieved() noexcept { unretrieved_ = false; }

  // Queues `function(future)` when done, in order of registration; at once, but not inline, if it is done
  // already (FUT-07, FUT-08).
  template <class F>
  DoneCallbackId add_done_callback(F&& function, std::source_location where = std::source_location::current()) {
    static_assert(!CoroutineObject<std::invoke_result_t<std::decay_t<F>&, FutureBase&>>,
                  "coroutines cannot be used as callbacks, they would never run: make it a task, with create_task()");
    DoneCallbackId call(make_call<FutureCallback>(std::forward<F>(function), *this, where));
    register_callback(*call);
    return call;
  }
  // 1 if it was registered, else 0: after completion it is queued and will run (FUT-10).
  std::size_t remove_done_callback(const DoneCallbackId& id) noexcept;

  // What a task waits for when it waits for this, for inspection.
  [[nodiscard]] WaitKind wait_kind() const noexcept { return wait_kind_; }
  void set_wait_kind(WaitKind kind) noexcept { wait_kind_ = kind; }
  [[nodiscard]] virtual TaskBase* as_task() noexcept { return nullptr; }
  // The tasks that wait for this one, themselves or by a gather, a wait, a group, ... (INTRO-01).
  [[nodiscard]] std::vector<Ref<FutureBase>> awaiters() const;

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) dispose();
  }
  [[nodiscard]] bool uniquely_referenced() const noexcept { return references_ == 1; }

 protected:
  // Ends it and queues the callbacks (FUT-07). Must be pending.
  void finish(State state);
  void finish_with(std::exception_ptr error);
  void check_pending() const;
  [[nodiscard]] bool succeeded() const noexcept { return state_ == State::finished && (!ending_ || !ending_->error); }
  // Throws what result() has to throw; returns if there is a value.
  void check_result();
  bool cancel_now(std::optional<std::string> message);
  void keep_cancelled_error(std::exception_ptr error) { ending().error = std::move(error); }
  void set_cancel_message(std::optional<std::string> message);

 private:
  friend class TaskBase;

  // What one has that does not end well, or may not.
  struct Ending {
    std::exception_ptr error;  // finished: the exception; cancelled: the error to hand out once, if there is one
    std::optional<std::string> cancel_message;
  };

  [[nodiscard]] Ending& ending();
  void register_callback(FutureCallback& call);
  void link(DoneCallback& callback) noexcept {
    if (auto* const first = first_callback_) [[unlikely]] {
      callback.previous_ = first->previous_;
      first->previous_->next_ = &callback;
      first->previous_ = &callback;
    } else {
      callback.previous_ = &callback;
      first_callback_ = &callback;
    }
  }
  void unlink(DoneCallback& callback) noexcept;
  void queue_callbacks();
  DoneCallback& take_first() noexcept;
  void drop_callbacks() noexcept;
  void left_list(DoneCallback& callback) noexcept;
  void dispose() noexcept;
  void report_unretrieved() noexcept;

  EventLoop* loop_;
  std::uint32_t references_ = 0;
  State state_ = State::pending;
  WaitKind wait_kind_ = WaitKind::future;
  bool unretrieved_ = false;
  std::unique_ptr<Ending> ending_;
  DoneCallback* first_callback_ = nullptr;  // whose `previous_` is the last one
};

}  // namespace evloop
