#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/block_cache.h"
#include "base/ref.h"

namespace evloop {

// What the variables of a context are bound to. Immutable: contexts copied from each other share it, whatever thread
// they are used on.
struct ContextBinding {
  std::uint64_t variable;  // a ContextVar's id
  std::shared_ptr<const void> value;
};
using ContextBindings = std::vector<ContextBinding>;

// What the copies of a Context share. Counted atomically; otherwise used by one thread at a time.
class ContextState final : public BlockCached {
 public:
  explicit ContextState(std::shared_ptr<const ContextBindings> bindings) noexcept : bindings(std::move(bindings)) {}

  void add_ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  std::shared_ptr<const ContextBindings> bindings;  // null: none

 private:
  std::atomic<std::uint32_t> references_{0};
};

// Python's contextvars.Context: which values the ContextVars have. Copies mean the same context; a default-made one
// means none, in which no variable is set. Callbacks and tasks carry one, if any variable was set where they were
// made; while they run it is the current one of their thread. One thread at a time.
class Context {
 public:
  Context() noexcept = default;
  explicit Context(Ref<ContextState> state) noexcept : state_(std::move(state)) {}
  // A new one, without variables.
  [[nodiscard]] static Context empty();
  // A new one of the same values. Of none: none.
  [[nodiscard]] Context copy() const;

  // Calls `function` here and now: what it sets stays in this context.
  template <class F>
  decltype(auto) run(F&& function) const;

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }
  friend bool operator==(const Context&, const Context&) = default;

  [[nodiscard]] const Ref<ContextState>& state() const noexcept { return state_; }

 private:
  Ref<ContextState> state_;
};

// A copy of the current context, empty if there is none.
[[nodiscard]] Context copy_context();

// The context in force on this thread, if any; owned. A plain pointer, so that to ask for it is one load.
class CurrentContext {
 public:
  [[nodiscard]] static bool any() noexcept { return state_ != nullptr; }
  [[nodiscard]] static ContextState* get() noexcept { return state_; }
  // Answers the one before.
  static Ref<ContextState> exchange(Ref<ContextState> next) noexcept {
    return Ref<ContextState>::adopt(std::exchange(state_, next.detach()));
  }
  static void drop() noexcept;
  // A copy of it, or none.
  [[nodiscard]] static Context capture() { return any() ? copy() : Context(); }
  // Makes one if there is none: a variable is being set.
  [[nodiscard]] static ContextState& require();

 private:
  [[nodiscard]] static Context copy();

  static constinit thread_local ContextState* state_;
};

// Makes a context the current one for a block without a co_await. Where there was none before, what the block set goes.
class ContextScope {
 public:
  explicit ContextScope(const Context& context) noexcept : outer_(CurrentContext::exchange(context.state())) {}
  ~ContextScope() { CurrentContext::exchange(std::move(outer_)); }
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;

 private:
  Ref<ContextState> outer_;
};

template <class F>
decltype(auto) Context::run(F&& function) const {
  const ContextScope scope(*this);
  return std::invoke(std::forward<F>(function));
}

// A function that runs in a context of its own. See in_context().
template <class F>
struct InContext {
  Context context;
  F function;

  template <class... Args>
    requires std::invocable<F&, Args...>
  std::invoke_result_t<F&, Args...> operator()(Args&&... args) {
    const ContextScope scope(context);
    return std::invoke(function, std::forward<Args>(args)...);
  }
};
template <class F>
inline constexpr bool is_in_context = false;
template <class F>
inline constexpr bool is_in_context<InContext<F>> = true;

// asyncio's `context=`: `loop.call_soon(in_context(context, function))`. Any callback may be given so; one that is not
// takes a copy of the context where it was given (SCHED-15).
template <class F>
[[nodiscard]] InContext<std::decay_t<F>> in_context(Context context, F&& function) {
  return {std::move(context), std::forward<F>(function)};
}

// Puts `adapt(function)` in the place of `function`, in the same context if it has one.
template <class F, class Adapt>
[[nodiscard]] auto adapted(F&& function, Adapt adapt) {
  if constexpr (is_in_context<std::decay_t<F>>) {
    auto context = function.context;
    return in_context(std::move(context), adapt(std::forward<F>(function).function));
  } else {
    return adapt(std::forward<F>(function));
  }
}

}  // namespace evloop
