#include "aio/task.h"

#include <atomic>

#include "aio/errors.h"
#include "aio/event_loop.h"

namespace evloop {
namespace {

std::atomic<std::uint64_t> last_task_id{0};

// What finished tasks write into.
TaskRecord unread_record;

}  // namespace

TaskBase::TaskBase(FutureBase& self, std::coroutine_handle<> frame, std::source_location created,
                   std::source_location coroutine, TaskOptions&& options)
    : DoneCallback(WorkKind::task, created),
      self_(self),
      id_(last_task_id.fetch_add(1, std::memory_order_relaxed) + 1),
      root_(frame),
      record_(loop().port_->tasks.acquire()),
      resume_(frame) {
  const auto* parent = loop().current_task_;
  record_->open(id(), parent ? parent->id() : 0, options.name, created, loop().stamp_);
  record_->set_coroutine(coroutine);
  if (!options.name.empty()) extras().name = std::move(options.name);
  if (options.context || CurrentContext::any()) [[unlikely]]
    extras().context = options.context ? std::move(options.context) : CurrentContext::capture();
}

TaskBase::~TaskBase() = default;

void TaskBase::give_record_back() noexcept { loop().port_->tasks.release(std::exchange(record_, &unread_record)); }

void TaskBase::detach() noexcept {
  if (auto* const future = std::exchange(waits_for_, nullptr); future && !future->done()) {
    future->unlink(*this);
    // The list's reference goes without running down to zero: this is being destroyed already, or the
    // caller holds another one.
    --self_.references_;
  }
  if (root_) unwind();
}

// The innermost frame first, up to one that a generator owns: there may be hundreds of thousands.
void TaskBase::unwind() noexcept {
  while (resume_ != root_) {
    auto* const awaiter = PromiseBase::of(resume_).awaiter;
    if (!awaiter) break;
    resume_ = awaiter->awaiting();
    awaiter->destroy_awaited();
  }
}

TaskBase::Extras& TaskBase::extras() {
  if (!extras_) extras_ = std::make_unique<Extras>();
  return *extras_;
}

std::string TaskBase::name() const {
  return extras_ && extras_->name ? *extras_->name : "Task-" + std::to_string(id());
}

void TaskBase::set_name(std::string name) {
  if (!self_.done()) record_->set_name(name);
  extras().name = std::move(name);
}

// A step that began without a context has set a variable, and so made one.
void TaskBase::keep_context() { extras().context = Context(CurrentContext::exchange(nullptr)); }

void TaskBase::resume_in_context(const Context& context) {
  auto outer = CurrentContext::exchange(context.state());
  resume_.resume();
  CurrentContext::exchange(std::move(outer));
}

std::optional<std::string> TaskBase::cancel_text() const {
  const auto* text = self_.cancel_message();
  return text ? std::optional(*text) : std::nullopt;
}

bool TaskBase::request_cancel(std::optional<std::string> message) {
  if (self_.done()) return false;
  loop().check_thread();
  ++cancel_requests_;
  record_->set_cancel_requests(cancel_requests_);
  if (waits_for_ && waits_for_->cancel(message)) return true;
  // What it waited for is done, or it waits for nothing: the next step throws (TASK-24).
  must_cancel_ = true;
  self_.set_cancel_message(std::move(message));
  return true;
}

std::uint32_t TaskBase::uncancel() noexcept {
  if (cancel_requests_ > 0 && --cancel_requests_ == 0) must_cancel_ = false;
  record_->set_cancel_requests(cancel_requests_);
  return cancel_requests_;
}

void TaskBase::suspend_slowly(FutureBase& future, std::coroutine_handle<> frame, std::source_location where) {
  resume_ = frame;
  record_->awaits(where);
  self_.add_ref();  // for the future's list, then for the ready queue
  if (&future.loop() != &loop() || &future == &self_) {
    extras().misuse = std::make_exception_ptr(
        LoopError(&future == &self_ ? "Task cannot await on itself: <" + name() + ">"
                                    : "Task <" + name() + "> got Future attached to a different loop"));
    misused_ = true;
    loop().queue(*this);
    return;
  }
  if (const auto* const task = future.as_task()) {
    record_->waits_for_task(task->id());
  } else {
    record_->waits(future.wait_kind());
  }
  future.link(*this);
  waits_for_ = &future;
  if (must_cancel_ && future.cancel(cancel_text())) must_cancel_ = false;
}

void TaskBase::suspend_until_next_turn(std::coroutine_handle<> frame, std::source_location where) {
  resume_ = frame;
  record_->awaits(where);
  record_->waits(WaitKind::yield);
  self_.add_ref();
  loop().queue(*this);
}

void TaskBase::throw_interrupt(FutureBase* waited_for) {
  auto error = std::exchange(misused_, false) ? std::exchange(extras_->misuse, nullptr) : nullptr;
  if (std::exchange(must_cancel_, false)) {
    if (waited_for && waited_for->done()) {
      // A CancelledError that is on its way anyway is not replaced by another one.
      if (waited_for->cancelled() || holds<CancelledError>(waited_for->peek_exception())) return;
      waited_for->mark_retrieved();
    }
    throw CancelledError(cancel_text());
  }
  std::rethrow_exception(std::move(error));
}

void TaskBase::run() {
  if (step()) [[likely]] {
    --self_.references_;  // the queue's; the loop has one until the task is done
  } else {
    const auto reference = Ref<FutureBase>::adopt(&self_);
    finish_last_step();
  }
}

void TaskBase::drop() noexcept { self_.release(); }

void TaskBase::run_eagerly() {
  auto* const outer = loop().current_task_;
  struct AtExit {
    EventLoop& loop;
    TaskBase* const outer;
    ~AtExit() { loop.current_task_ = outer; }
  } const at_exit{loop(), outer};
  if (!step()) finish_last_step();
}

// Part of run(), which is called for every wake-up.
[[gnu::always_inline]] inline bool TaskBase::step() {
  auto& loop = this->loop();
  const auto began = loop.stamp_;
  loop.current_task_ = this;
  waits_for_ = nullptr;
  record_->started(began);
  // One that was cancelled before its first step never enters its frame (TASK-26).
  if (!started_) [[unlikely]] {
    started_ = true;
    if (must_cancel_) return false;
  }
  if (const auto* context = this->context()) [[unlikely]] {
    resume_in_context(*context);
  } else {
    resume_.resume();
    if (CurrentContext::any()) [[unlikely]]
      keep_context();
  }
  if (root_.done()) return false;
  loop.current_task_ = nullptr;
  loop.take_stamp();
  record_->suspended(phase(), began, loop.stamp_);
  return true;
}

void TaskBase::finish_last_step() {
  loop().task_done(*this);
  struct AtExit {  // also if it threw a Fatal
    TaskBase& task;
    ~AtExit() {
      task.loop().current_task_ = nullptr;
      task.loop().take_stamp();
      task.count_outcome();
      task.give_record_back();
    }
  } const at_exit{*this};
  complete();
}

void TaskBase::count_outcome() noexcept {
  auto& stats = loop().port_->stats;
  (self_.cancelled() ? stats.tasks_cancelled : self_.succeeded() ? stats.tasks_finished : stats.tasks_failed).add(1);
}

// --- awaiters ---

void YieldAwaiter::await_suspend(std::coroutine_handle<> frame) {
  site_.task->suspend_until_next_turn(frame, site_.where);
}

void YieldAwaiter::await_resume() { site_.task->deliver_interrupt(nullptr); }

void enter_awaited_frame(AwaitSite site) noexcept {
  auto& record = site.task->record();
  record.awaits(site.where);
  record.enter_frame();
}

void leave_awaited_frame(TaskBase& task) noexcept { task.record().leave_frame(); }

}  // namespace evloop
