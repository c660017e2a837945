#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <source_location>
#include <utility>

#include "base/block_cache.h"

namespace evloop {

class FutureBase;
class TaskBase;

// Who awaits, and where.
struct AwaitSite {
  TaskBase* task = nullptr;
  std::source_location where;
};

// What one may `co_await` in a Coro: Coro, Future, Task, a generator's next item, settled(...), yield().
// Anything else has no idea of tasks and cancellation.
template <class A>
concept Awaitable = requires(A&& awaitable, AwaitSite site) { std::forward<A>(awaitable).awaited(site); };

// Lies in a frame that awaits another one, and owns that: where the task goes on when the other has ended.
class FrameAwaiter {
 public:
  FrameAwaiter(const FrameAwaiter&) = delete;
  FrameAwaiter& operator=(const FrameAwaiter&) = delete;

  // The frame that it lies in, once that is suspended.
  [[nodiscard]] std::coroutine_handle<> awaiting() const noexcept { return awaiting_; }
  // Before the frame that awaits it goes. For chains so deep that each must not be destroyed by the one above it.
  void destroy_awaited() noexcept { std::exchange(awaited_, {}).destroy(); }

 protected:
  explicit FrameAwaiter(std::coroutine_handle<> awaited) noexcept : awaited_(awaited) {}
  ~FrameAwaiter() {
    if (awaited_) awaited_.destroy();
  }

  std::coroutine_handle<> awaited_;
  std::coroutine_handle<> awaiting_;
};

// The common part of the promises of Coro and AsyncGenerator: frames from the block cache, the task that
// runs them, who awaits them. Only what has `awaited(AwaitSite)` can be awaited.
class PromiseBase {
 public:
  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_block(frame, size); }

  // Taken by reference where it is a temporary of the awaiting expression, which lives until it ends.
  template <class A>
  auto await_transform(A&& awaitable, std::source_location where = std::source_location::current()) {
    static_assert(Awaitable<A>,
                  "co_await here takes a Coro (moved), a Future, a Task, an item of an AsyncGenerator, "
                  "settled(...) or yield(): nothing else knows about tasks and cancellation");
    return std::forward<A>(awaitable).awaited(AwaitSite{task, where});
  }

  // Of any frame its promise, which is at the same place in all: none needs more alignment than malloc gives.
  [[nodiscard]] static PromiseBase& of(std::coroutine_handle<> frame) noexcept {
    return std::coroutine_handle<PromiseBase>::from_address(frame.address()).promise();
  }

  TaskBase* task = nullptr;         // set when it is first awaited
  FrameAwaiter* awaiter = nullptr;  // of a coroutine that another one awaits
};

// Suspends the task until a future is done (TASK-05), and brings in a cancellation on the way back. Inline where
// TaskBase is known.
class WaitForFuture {
 protected:
  explicit WaitForFuture(AwaitSite site) noexcept : where_(site.where) {}
  template <std::derived_from<PromiseBase> P>
  void wait(std::coroutine_handle<P> frame, FutureBase& future) {
    wait(*frame.promise().task, frame, future);
  }
  // First thing after the wake-up, or after no wait at all: throws what the task has been told.
  void deliver_interrupt(FutureBase& future);
  // It waits, or has waited and not been settled.
  [[nodiscard]] bool suspended() const noexcept { return task_ != nullptr; }
  void settle() noexcept { task_ = nullptr; }

 private:
  void wait(TaskBase& task, std::coroutine_handle<> frame, FutureBase& future);

  TaskBase* task_ = nullptr;  // that waits
  const std::source_location where_;
};

// One bare yield: the task goes to the back of the ready queue (TASK-06). `co_await yield()`.
class YieldAwaiter {
 public:
  explicit YieldAwaiter(AwaitSite site) noexcept : site_(site) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> frame);
  void await_resume();

 private:
  AwaitSite site_;
};

struct Yield {
  YieldAwaiter awaited(AwaitSite site) const noexcept { return YieldAwaiter(site); }
};
[[nodiscard]] inline Yield yield() noexcept { return {}; }

}  // namespace evloop
