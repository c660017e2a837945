#include "aio/task_group.h"

#include <list>
#include <string>
#include <vector>

namespace evloop {

// Mirrors asyncio.TaskGroup.
struct TaskGroup::State {
  EventLoop* loop = nullptr;
  FutureRef parent;
  std::list<FutureRef> members;  // in order of creation; those that have not ended
  std::vector<std::exception_ptr> errors;
  std::exception_ptr fatal;
  Future<void> all_ended;  // while the block waits
  bool entered = false;
  bool exiting = false;
  bool aborting = false;
  bool parent_cancel_requested = false;

  [[nodiscard]] std::string repr() const {
    std::string text = "<TaskGroup";
    if (!members.empty()) text += " tasks=" + std::to_string(members.size());
    if (!errors.empty()) text += " errors=" + std::to_string(errors.size());
    if (aborting) {
      text += " cancelling";
    } else if (entered) {
      text += " entered";
    }
    return text + ">";
  }

  void abort() {
    aborting = true;
    for (const auto& task : members)
      if (!task->done()) task->cancel();
  }

  void cancel_parent() {
    parent_cancel_requested = true;
    parent->cancel();
  }

  void member_ended(std::list<FutureRef>::iterator member) {
    const auto task = *member;
    members.erase(member);
    if (all_ended && members.empty() && !all_ended.done()) all_ended.set_result();
    if (task->cancelled()) return;
    const auto error = task->exception();
    if (!error) return;
    errors.push_back(error);
    if (!fatal && holds<Fatal>(error)) fatal = error;
    if (parent->done()) {
      loop->call_exception_handler({.message = "Task " + task->as_task()->name() +
                                               " has errored out but its parent task " + parent->as_task()->name() +
                                               " is already completed",
                                    .exception = error,
                                    .task = task});
      return;
    }
    if (!aborting && !parent_cancel_requested) {
      abort();
      cancel_parent();
    }
  }
};

// A member has ended: the group, if it is still there, hears of it.
struct TaskGroup::MemberEnded {
  std::weak_ptr<State> state;
  std::list<FutureRef>::iterator member;

  void operator()(FutureBase&) const {
    if (const auto group = state.lock()) group->member_ended(member);
  }
  [[nodiscard]] FutureBase* awaiter() const noexcept {
    const auto group = state.lock();
    return group ? group->parent.get() : nullptr;
  }
};

TaskGroup::TaskGroup() : state_(std::make_shared<State>()) {}

TaskGroup::~TaskGroup() = default;

EventLoop& TaskGroup::loop() const noexcept { return *state_->loop; }

void TaskGroup::enter() {
  auto& state = *state_;
  if (state.entered) throw LoopError("TaskGroup " + state.repr() + " has already been entered");
  state.loop = &get_running_loop();
  auto* parent = state.loop->current_task();
  if (!parent) throw LoopError("TaskGroup " + state.repr() + " cannot determine the parent task");
  state.parent = FutureRef(&parent->future());
  state.entered = true;
  if (state.aborting) state.cancel_parent();
}

void TaskGroup::check_open() const {
  const auto& state = *state_;
  if (!state.entered) throw LoopError("TaskGroup " + state.repr() + " has not been entered");
  if (state.exiting && state.members.empty()) throw LoopError("TaskGroup " + state.repr() + " is finished");
  if (state.aborting) throw LoopError("TaskGroup " + state.repr() + " is shutting down");
}

void TaskGroup::add(FutureBase& task) {
  auto& members = state_->members;
  const auto member = members.insert(members.end(), FutureRef(&task));
  // Also of a task that is done after its eager start: never from inside create_task (TG-13).
  task.add_done_callback(MemberEnded{state_, member});
}

void TaskGroup::cancel() {
  auto& state = *state_;
  if (state.aborting || (state.exiting && state.members.empty())) return;
  state.abort();
  if (state.entered && !state.parent_cancel_requested) state.cancel_parent();
}

Coro<void> TaskGroup::exit(std::exception_ptr body_error) {
  auto& state = *state_;
  state.exiting = true;
  if (body_error && !state.fatal && holds<Fatal>(body_error)) state.fatal = body_error;
  const bool body_cancelled = holds<CancelledError>(body_error);
  auto cancellation = body_cancelled ? body_error : nullptr;
  if (body_error && !state.aborting) state.abort();

  // The wait may be cancelled, more than once.
  while (!state.members.empty()) {
    state.all_ended = state.loop->create_future<void>();
    const auto waited = co_await settled(state.all_ended);
    if (waited.error()) {
      if (!waited.cancelled()) std::rethrow_exception(waited.error());
      if (!state.aborting) {
        cancellation = waited.error();
        state.abort();
      }
    }
    state.all_ended = {};
  }

  if (state.fatal) std::rethrow_exception(state.fatal);
  auto* parent = state.parent->as_task();
  // The group's own cancellation of its parent ends here (TG-07).
  if (state.parent_cancel_requested && parent->uncancel() == 0) cancellation = nullptr;
  if (cancellation && state.errors.empty()) std::rethrow_exception(cancellation);
  if (body_error && !body_cancelled) state.errors.push_back(body_error);
  if (state.errors.empty()) co_return;
  // A cancellation from outside comes again at the next suspension (TG-06).
  if (parent->cancelling() > 0) {
    parent->uncancel();
    parent->request_cancel(std::nullopt);
  }
  throw ExceptionGroup("unhandled errors in a TaskGroup", std::exchange(state.errors, {}));
}

}  // namespace evloop
