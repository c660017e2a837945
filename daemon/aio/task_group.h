#pragma once

#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

#include "aio/event_loop.h"
#include "aio/settled.h"

namespace evloop {

// Tasks that end before their block does, and fail together (TG-01 to TG-15). Used through task_group(). A
// member that fails cancels the others and the block's body; what they threw leaves the block as one
// ExceptionGroup. Single use. Loop thread only.
class TaskGroup {
 public:
  TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  // Throws LoopError when the group has not been entered, is shutting down, or is finished; the coroutine
  // is gone then.
  template <class T>
  Task<T> create_task(Coro<T> coro, TaskOptions options = {},
                      std::source_location where = std::source_location::current()) {
    check_open();
    auto task = loop().create_task(std::move(coro), std::move(options), where);
    add(*task.state());
    return task;
  }
  // The same of a coroutine function, and of one with arguments: see EventLoop.
  template <class F>
  auto create_task(F&& function, TaskOptions options = {},
                   std::source_location where = std::source_location::current()) {
    return create_task(coroutine_of(std::forward<F>(function)), std::move(options), where);
  }
  template <class F, class First, class... More>
  auto create_task(F&& function, First&& first, More&&... more) {
    auto coro = coroutine_of(std::forward<F>(function), std::forward<First>(first), std::forward<More>(more)...);
    const auto where = coro.where();
    return create_task(std::move(coro), {}, where);
  }

  // Ends the block early, without an error: the members and the body are cancelled, and the block swallows
  // that cancellation (TG-14).
  void cancel();

  // The ends of the block. exit() waits for all members, then throws what leaves the block, if anything.
  void enter();
  Coro<void> exit(std::exception_ptr body_error);

 private:
  struct State;
  struct MemberEnded;

  void check_open() const;
  [[nodiscard]] EventLoop& loop() const noexcept;
  void add(FutureBase& task);

  // The members' callbacks see whether the group is still there.
  const std::shared_ptr<State> state_;
};

// Runs the coroutine function `body`, called with the group, in the calling task, and ends when all tasks of
// the group have.
template <class F>
  requires std::is_same_v<std::invoke_result_t<F&, TaskGroup&>, Coro<void>>
Coro<void> task_group(F body) {
  TaskGroup group;
  group.enter();
  const auto outcome = co_await settled(body(group));
  co_await group.exit(outcome.error());
}

}  // namespace evloop
