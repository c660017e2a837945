#pragma once

#include <concepts>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include "aio/context.h"
#include "aio/runnable.h"
#include "base/block_cache.h"

namespace evloop {

// What a coroutine function answers: an object of a coroutine that has not begun.
template <class T>
concept CoroutineObject = requires { typename std::remove_cvref_t<T>::promise_type; };

// A `Base` (a Runnable) that calls a function, which it owns. The function itself lies in a BoundCall, so that a
// callback and what it captured are one block of memory, no larger than it must be.
template <class Base>
class CallOf : public Base {
 public:
  using Base::Base;

 protected:
  ~CallOf() = default;
  // Nobody refers to it any more.
  virtual void dispose() noexcept = 0;
  // Not after discard().
  virtual void invoke() = 0;
  // Calls `function` with what it takes: nothing, unless a derived class hides this.
  template <class F>
  static void call(F& function) {
    static_assert(std::invocable<F&>, "a callable object was expected, one that takes no arguments");
    static_assert(!CoroutineObject<std::invoke_result_t<F&>>,
                  "coroutines cannot be used as callbacks, they would never run: make it a task, with create_task()");
    static_cast<void>(function());
  }
  // Drops the function and what it captured, if that has not been done.
  void discard() noexcept {
    if (std::exchange(has_function_, false)) destroy_function();
  }

 private:
  virtual void destroy_function() noexcept = 0;

  bool has_function_ = true;
};

template <class Base, class F>
class BoundCall final : public Base, public BlockCached {
 public:
  template <class G, class... Args>
  explicit BoundCall(G&& function, Args&&... args)
      : Base(std::forward<Args>(args)...), function_(std::forward<G>(function)) {}
  ~BoundCall() { this->discard(); }

  // Neither is asked for after discard().
  [[nodiscard]] const Context* context() const noexcept override {
    if constexpr (is_in_context<F>) return &function_.context;
    return nullptr;
  }
  [[nodiscard]] FutureBase* awaiter() const noexcept override { return awaiter_of(function_); }

 private:
  void dispose() noexcept override { delete this; }
  void invoke() override { this->call(function_); }
  void destroy_function() noexcept override { std::destroy_at(&function_); }

  template <class G>
  static FutureBase* awaiter_of(const G& function) noexcept {
    if constexpr (is_in_context<G>) return awaiter_of(function.function);
    if constexpr (requires {
                    { function.awaiter() } -> std::same_as<FutureBase*>;
                  })
      return function.awaiter();
    return nullptr;
  }

  union {
    F function_;
  };
};

// A new `Base`, made of `args`, that calls `function` in the context given with it, else in a copy of the current one
// (SCHED-15). Without one the call is the function itself: who uses no context variables pays for none. It has no
// reference yet.
template <class Base, class F, class... Args>
[[nodiscard]] Base* make_call(F&& function, Args&&... args) {
  if constexpr (is_in_context<std::decay_t<F>>) {
    using Function = decltype(function.function);
    if (function.context) [[unlikely]]
      return new BoundCall<Base, std::decay_t<F>>(std::forward<F>(function), std::forward<Args>(args)...);
    return new BoundCall<Base, Function>(std::forward<F>(function).function, std::forward<Args>(args)...);
  } else {
    using Function = std::decay_t<F>;
    if (CurrentContext::any()) [[unlikely]]
      return new BoundCall<Base, InContext<Function>>(
          InContext<Function>{CurrentContext::capture(), std::forward<F>(function)}, std::forward<Args>(args)...);
    return new BoundCall<Base, Function>(std::forward<F>(function), std::forward<Args>(args)...);
  }
}

}  // namespace evloop
