#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "aio/await.h"
#include "aio/errors.h"
#include "aio/outcome.h"

namespace evloop {

template <class T>
class Coro;

// The await chain of a task, kept for inspection: see TaskRecord. Out of line where TaskBase is known.
void enter_awaited_frame(AwaitSite site) noexcept;
void leave_awaited_frame(TaskBase& task) noexcept;

class CoroPromiseBase : public PromiseBase {
 public:
  explicit CoroPromiseBase(std::source_location where) noexcept : where_(where) {}

  std::suspend_always initial_suspend() const noexcept { return {}; }

  // Goes on with who awaits. Nobody: back to the task's step, which looks at the result.
  struct FinalAwaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> frame) const noexcept {
      if (const auto* const awaiter = frame.promise().awaiter) return awaiter->awaiting();
      return std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };
  FinalAwaiter final_suspend() const noexcept { return {}; }

  // The coroutine itself: its function's name.
  [[nodiscard]] std::source_location where() const noexcept { return where_; }

 private:
  std::source_location where_;
};

template <class T>
class CoroPromise final : public CoroPromiseBase {
 public:
  explicit CoroPromise(std::source_location where = std::source_location::current()) noexcept
      : CoroPromiseBase(where) {}
  Coro<T> get_return_object() noexcept;
  template <class U = T>
    requires std::convertible_to<U&&, T>
  void return_value(U&& value) {
    outcome_.set_value(std::forward<U>(value));
  }
  void unhandled_exception() noexcept { outcome_.set_error(std::current_exception()); }
  [[nodiscard]] Outcome<T>& outcome() noexcept { return outcome_; }

 private:
  Outcome<T> outcome_;
};

template <>
class CoroPromise<void> final : public CoroPromiseBase {
 public:
  explicit CoroPromise(std::source_location where = std::source_location::current()) noexcept
      : CoroPromiseBase(where) {}
  Coro<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error_ = std::current_exception(); }
  // Once, when it has run to its end.
  [[nodiscard]] Outcome<void> outcome() noexcept {
    return error_ ? Outcome<void>::failed(std::move(error_)) : Outcome<void>::of({});
  }

 private:
  std::exception_ptr error_;
};

// Runs a coroutine in the awaiting task, without a turn of the loop in between.
template <class T>
class [[nodiscard]] CoroAwaiter : public FrameAwaiter {
 public:
  using Frame = std::coroutine_handle<CoroPromise<T>>;
  // To be suspended at once.
  CoroAwaiter(Frame frame, AwaitSite site) noexcept : FrameAwaiter(frame) {
    frame.promise().task = site.task;
    enter_awaited_frame(site);
  }

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    awaiting_ = awaiting;
    frame().promise().awaiter = this;
    return awaited_;
  }
  T await_resume() {
    leave_awaited_frame(*frame().promise().task);
    // The frame goes before the value is used, as the coroutine's locals did before it returned.
    struct AtExit {
      Frame frame;
      ~AtExit() { frame.destroy(); }
    } const at_exit{frame()};
    awaited_ = {};
    return std::move(at_exit.frame.promise().outcome()).take();
  }

 private:
  [[nodiscard]] Frame frame() const noexcept { return Frame::from_address(awaited_.address()); }
};

// A coroutine object: lazy, awaited at most once, or made a task. Owned by value; move-only.
//
// Parameters taken by reference or view are safe only if the caller awaits it at once; what a lambda
// captures dies with the lambda: no type can tell in `create_task(lambda())`, so write `create_task(lambda)`.
template <class T>
class [[nodiscard("a coroutine does nothing until it is awaited or made a task")]] Coro {
 public:
  using promise_type = CoroPromise<T>;
  using Frame = std::coroutine_handle<promise_type>;
  using Value = T;

  Coro() noexcept = default;
  explicit Coro(Frame frame) noexcept : frame_(frame) {
    static_assert(alignof(promise_type) <= alignof(std::max_align_t), "frames have the alignment that malloc gives");
  }
  Coro(Coro&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
  Coro& operator=(Coro&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~Coro() {
    if (frame_) frame_.destroy();
  }

  // Not empty: neither awaited nor moved from.
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(frame_); }
  [[nodiscard]] Frame frame() const noexcept { return frame_; }
  [[nodiscard]] Frame release() noexcept { return std::exchange(frame_, {}); }
  [[nodiscard]] std::source_location where() const noexcept {
    return frame_ ? frame_.promise().where() : std::source_location{};
  }

  CoroAwaiter<T> awaited(AwaitSite site) && {
    if (!frame_) throw LoopError("cannot reuse already awaited coroutine");
    return CoroAwaiter<T>(release(), site);
  }

 private:
  Frame frame_;
};

template <class T>
Coro<T> CoroPromise<T>::get_return_object() noexcept {
  return Coro<T>(std::coroutine_handle<CoroPromise>::from_promise(*this));
}
inline Coro<void> CoroPromise<void>::get_return_object() noexcept {
  return Coro<void>(std::coroutine_handle<CoroPromise>::from_promise(*this));
}

}  // namespace evloop
