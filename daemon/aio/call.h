#pragma once

#include <concepts>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include "aio/runnable.h"
#include "base/block_cache.h"

namespace evloop {

// What a coroutine function answers: an object of a coroutine that has not begun.
template <class T>
concept CoroutineObject = requires { typename std::remove_cvref_t<T>::promise_type; };

// A `Base` (a Runnable) that calls a function, which it owns. The function itself lies in a BoundCall, so that a
// callback and what it captured are one block of memory, no larger than it must be.
template <class Base>
class CallOf : public Base, public BlockCached {
 public:
  using Base::Base;
  virtual ~CallOf() = default;

 protected:
  // Not after discard().
  virtual void invoke() = 0;
  // Drops the function and what it captured, if that has not been done.
  void discard() noexcept {
    if (std::exchange(has_function_, false)) destroy_function();
  }
  [[nodiscard]] bool has_function() const noexcept { return has_function_; }

 private:
  virtual void destroy_function() noexcept = 0;

  bool has_function_ = true;
};

template <class Base, class F>
class BoundCall final : public Base {
  static_assert(std::invocable<F&>, "a callable object was expected, one that takes no arguments");
  static_assert(!CoroutineObject<std::invoke_result_t<F&>>,
                "coroutines cannot be used as callbacks, they would never run: make it a task, with create_task()");

 public:
  template <class G, class... Args>
  explicit BoundCall(G&& function, Args&&... args)
      : Base(std::forward<Args>(args)...), function_(std::forward<G>(function)) {}
  ~BoundCall() override { this->discard(); }

 private:
  void invoke() override { static_cast<void>(function_()); }
  void destroy_function() noexcept override { std::destroy_at(&function_); }

  union {
    F function_;
  };
};

// A new `Base`, made of `args`, that calls `function`. It has no reference yet.
template <class Base, class F, class... Args>
[[nodiscard]] Base* make_call(F&& function, Args&&... args) {
  return new BoundCall<Base, std::decay_t<F>>(std::forward<F>(function), std::forward<Args>(args)...);
}

}  // namespace evloop
