#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <utility>

#include "aio/context.h"
#include "aio/coro.h"
#include "aio/future.h"
#include "aio/records.h"

namespace evloop {

struct TaskOptions {
  std::string name{};        // empty: Task-N
  Context context{};         // none: a copy of the creator's (TASK-13)
  bool eager_start = false;  // the first step runs inside create_task, if the loop runs (TASK-38)
};

// The part of a task that does not depend on its type: it drives one coroutine, step by step. It sits
// itself in the ready queue or in the callback list of the future it waits for, so that a wake-up
// allocates nothing. The loop owns every unfinished task. Loop thread only.
class TaskBase : public DoneCallback {
 public:
  TaskBase(const TaskBase&) = delete;
  TaskBase& operator=(const TaskBase&) = delete;

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] std::string name() const;
  void set_name(std::string name);
  [[nodiscard]] FutureBase& future() const noexcept { return self_; }
  [[nodiscard]] EventLoop& loop() const noexcept { return self_.loop(); }
  // That of its steps, once it has one: the one given, or the creator's, or what it set itself. Null: none.
  [[nodiscard]] const Context* context() const noexcept final {
    return extras_ && extras_->context ? &extras_->context : nullptr;
  }
  [[nodiscard]] FutureBase* awaiter() const noexcept final { return &self_; }
  // The coroutine it drives: valid until the task is done.
  [[nodiscard]] std::coroutine_handle<> coroutine() const noexcept { return root_; }
  [[nodiscard]] TaskRecord& record() const noexcept { return *record_; }
  // Its destruction while pending is not reported: nobody but the library knows it.
  void set_quiet() noexcept { quiet_ = true; }

  // Asks the task to end, by a CancelledError at its await point (TASK-22 to TASK-30). False if it is done.
  bool request_cancel(std::optional<std::string> message);
  // Cancel requests not taken back.
  [[nodiscard]] std::uint32_t cancelling() const noexcept { return cancel_requests_; }
  // Takes one back; answers how many are left (TASK-31).
  std::uint32_t uncancel() noexcept;

  // For awaiters: how a frame of this task suspends ...
  void suspend_on(FutureBase& future, std::coroutine_handle<> frame, std::source_location where);
  void suspend_until_next_turn(std::coroutine_handle<> frame, std::source_location where);
  // ... and, resumed, learns that it shall throw instead of reading what it waited for (null: a yield).
  void deliver_interrupt(FutureBase* waited_for) {
    if (must_cancel_ || misused_) [[unlikely]]
      throw_interrupt(waited_for);
  }

 protected:
  TaskBase(FutureBase& self, std::coroutine_handle<> frame, std::source_location created,
           std::source_location coroutine, TaskOptions&& options);
  ~TaskBase();

  void run() final;
  void drop() noexcept final;

  // Before its frame is destroyed half-way: nothing may wake it any more, and what the frame awaits goes.
  void detach() noexcept;

 private:
  friend class EventLoop;

  // What few tasks have.
  struct Extras {
    std::optional<std::string> name;
    Context context;
    std::exception_ptr misuse;  // of what it cannot wait for; thrown at the next step
  };

  void unwind() noexcept;
  [[nodiscard]] Extras& extras();
  void resume_in_context(const Context& context);
  void keep_context();
  // The first step, within another callback or task (TASK-38).
  void run_eagerly();
  // Goes on until it suspends again; false: until its end, and finish_last_step() is to follow.
  bool step();
  void finish_last_step();
  void suspend_slowly(FutureBase& future, std::coroutine_handle<> frame, std::source_location where);
  void count_outcome() noexcept;
  void throw_interrupt(FutureBase* waited_for);
  [[nodiscard]] TaskPhase phase() const noexcept { return waits_for_ ? TaskPhase::waiting : TaskPhase::runnable; }
  void give_record_back() noexcept;
  // The frame ran to its end: sets the outcome. Throws a Fatal that the coroutine threw.
  virtual void complete() = 0;
  virtual void destroy_frame() noexcept = 0;

  FutureBase& self_;
  const std::uint64_t id_;

 protected:
  std::coroutine_handle<> root_;  // the coroutine's frame, none once it is destroyed

 private:
  TaskRecord* record_;               // one that nobody reads once the task is done
  std::coroutine_handle<> resume_;   // innermost suspended frame
  FutureBase* waits_for_ = nullptr;  // alive: the suspended frame holds it
  std::unique_ptr<Extras> extras_;
  std::uint32_t cancel_requests_ = 0;

 protected:
  // What cancel() was last given.
  [[nodiscard]] std::optional<std::string> cancel_text() const;

  bool must_cancel_ = false;  // a CancelledError is to be thrown at the next step

 private:
  bool misused_ = false;  // extras has a misuse
  bool started_ = false;
  bool quiet_ = false;
};

inline void TaskBase::suspend_on(FutureBase& future, std::coroutine_handle<> frame, std::source_location where) {
  auto& record = *record_;
  if (&future.loop() != &loop() || future.wait_kind() == WaitKind::task || must_cancel_ || !record.awaits_near(where))
      [[unlikely]]
    return suspend_slowly(future, frame, where);
  resume_ = frame;
  record.waits(future.wait_kind());
  self_.add_ref();  // for the future's list, then for the ready queue
  future.link(*this);
  waits_for_ = &future;
}

inline void WaitForFuture::wait(TaskBase& task, std::coroutine_handle<> frame, FutureBase& future) {
  task_ = &task;
  task.suspend_on(future, frame, where_);
}

inline void WaitForFuture::deliver_interrupt(FutureBase& future) {
  if (task_) task_->deliver_interrupt(&future);
}

// The shared state of a Task<T>. Derive to do something at its end, in complete().
template <class T>
class TaskState : public FutureState<T>, public TaskBase {
 public:
  TaskState(EventLoop& loop, Coro<T> coro, std::source_location created, TaskOptions&& options)
      : FutureState<T>(loop),
        TaskBase(static_cast<FutureBase&>(*this), coro.frame(), created, coro.where(), std::move(options)) {
    coro.release().promise().task = this;
    this->set_wait_kind(WaitKind::task);
  }
  ~TaskState() override { abandon(); }

  [[nodiscard]] TaskBase* as_task() noexcept final { return this; }
  bool cancel(std::optional<std::string> message = std::nullopt) final {
    this->mark_retrieved();
    return this->request_cancel(std::move(message));
  }
  void set_result(Stored<T>) final { throw LoopError("Task does not support set_result operation"); }
  void set_exception(std::exception_ptr) final { throw LoopError("Task does not support set_exception operation"); }

 protected:
  // Unwinds the frame, if it is there: what it uses must live until then.
  void abandon() noexcept {
    detach();
    TaskState::destroy_frame();
  }
  void complete() override {
    // Never entered: cancelled before its first step (TASK-26).
    if (!root_.done()) return complete_with(this->make_cancelled(), false);
    auto outcome = std::move(Frame::from_address(root_.address()).promise().outcome());
    TaskState::destroy_frame();
    if (!outcome.has_value()) return complete_with(outcome.error(), true);
    if (std::exchange(this->must_cancel_, false)) {
      this->cancel_now(this->cancel_text());
    } else {
      this->finish_with_value(std::move(outcome.value()));
    }
  }

 private:
  using Frame = Coro<T>::Frame;

  void complete_with(std::exception_ptr error, bool ran) {
    if (!ran) TaskState::destroy_frame();
    if (holds<CancelledError>(error)) {
      this->keep_cancelled_error(error);
      this->cancel_now(std::nullopt);
      return;
    }
    this->finish_with(error);
    if (holds<Fatal>(error)) std::rethrow_exception(error);
  }

  [[nodiscard]] std::exception_ptr make_cancelled() {
    this->must_cancel_ = false;
    return std::make_exception_ptr(CancelledError(this->cancel_text()));
  }

  void destroy_frame() noexcept final {
    if (root_) std::exchange(root_, {}).destroy();
  }
};

// A future that drives a coroutine. Copies mean the same task. Loop thread only.
template <class T>
class [[nodiscard]] Task : public Future<T> {
 public:
  Task() noexcept = default;
  explicit Task(Ref<TaskState<T>> state) noexcept : Future<T>(Ref<FutureState<T>>(std::move(state))) {}

  [[nodiscard]] TaskBase& base() const noexcept { return static_cast<TaskState<T>&>(*this->state_); }
  [[nodiscard]] std::uint32_t cancelling() const noexcept { return base().cancelling(); }
  std::uint32_t uncancel() const noexcept { return base().uncancel(); }
  [[nodiscard]] std::string name() const { return base().name(); }
  void set_name(std::string name) const { base().set_name(std::move(name)); }
};

}  // namespace evloop
