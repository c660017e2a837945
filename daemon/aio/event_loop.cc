#include "aio/event_loop.h"

#include <algorithm>
#include <cstdio>
#include <ranges>

#include "aio/async_generator.h"
#include "aio/thread_pool.h"
#include "base/log.h"

namespace evloop {
namespace {

constexpr Duration longest_sleep = std::chrono::hours(24);
constexpr Duration clock_resolution = std::chrono::nanoseconds(1);

std::string place(const std::source_location& where) {
  return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

// 0: no task.
std::uint64_t task_id(const Runnable& work) noexcept {
  return work.kind() == WorkKind::task ? static_cast<const TaskBase&>(work).id() : 0;
}

// Of what the report is about (EXCH-07).
const Context* context_of(const ErrorContext& told) noexcept {
  for (const auto& future : {told.task, told.future})
    if (auto* task = future ? future->as_task() : nullptr)
      if (const auto* context = task->context()) return context;
  return told.handle ? told.handle->context() : nullptr;
}

}  // namespace

constinit thread_local EventLoop* EventLoop::running_ = nullptr;

EventLoop* running_loop_or_null() noexcept { return EventLoop::running_; }

EventLoop& get_running_loop() {
  if (auto* loop = running_loop_or_null()) return *loop;
  throw LoopError("no running event loop");
}

TaskBase* current_task() { return get_running_loop().current_task(); }

std::vector<std::string> ErrorContext::keys() const {
  std::vector<std::string> keys{"message"};
  if (exception) keys.emplace_back("exception");
  if (future) keys.emplace_back("future");
  if (task) keys.emplace_back("task");
  if (handle) keys.emplace_back("handle");
  if (asyncgen) keys.emplace_back("asyncgen");
  if (context) keys.emplace_back("context");
  for (const auto& [key, value] : more) keys.push_back(key);
  std::ranges::sort(keys);
  return keys;
}

EventLoop::EventLoop(Options options)
    : clock_(options.clock ? *options.clock : steady_clock()),
      port_(std::make_shared<LoopPort>()),
      default_exception_handler_(std::move(options.default_exception_handler)),
      selector_(options.selector ? std::move(options.selector) : make_epoll_selector()) {
  selector_->add_wake_up(port_->wake_fd());
}

EventLoop::~EventLoop() {
  if (!is_closed()) {
    log(LogLevel::warning, "unclosed event loop");
    close();
  }
  drop_tasks();
  while (generators_) generator_gone(*generators_);
  // A generator that awaited the shutdown owns itself through it.
  for (const auto& shutdown : std::exchange(asyncgen_shutdowns_, {}))
    if (const auto closing = shutdown.lock()) closing->clear();
}

// --- run, stop, close ---

EventLoop::RunScope::RunScope(EventLoop& loop) : loop_(loop) {
  loop.check_can_run();
  running_ = &loop;
  loop.port_->running_.store(true, std::memory_order_release);
  loop.take_stamp();
}

EventLoop::RunScope::~RunScope() {
  loop_.stopping_ = false;  // one stop() stops one run (LIFE-19)
  loop_.port_->stop_pending_.store(false, std::memory_order_relaxed);
  loop_.port_->current.end();
  loop_.port_->stats.ready_length.set(loop_.ready_.size());
  loop_.port_->running_.store(false, std::memory_order_release);
  running_ = nullptr;
}

void EventLoop::run_forever() {
  const RunScope scope(*this);
  do run_once();
  while (!stopping_);
}

// One turn: sleep, collect what became ready, run it. Nothing else ever calls a user's callback
// (LIFE-01). Mirrors BaseEventLoop._run_once.
void EventLoop::run_once() {
  auto& stats = port_->stats;
  timers_.prune();
  const auto timeout = select_timeout();
  const auto before = stamp_;
  const auto events = selector_->select(timeout);
  take_stamp();
  (timeout == Duration::zero() ? stats.busy : stats.idle).add(stamp_ - before);
  dispatch(events);
  // Timers are compared with a clock read after the sleep (LIFE-08).
  if (timers_.size() > 0)
    stats.timers_fired.add(timers_.move_due(ready_, clock_.now(), clock_resolution, stats.timer_lateness));
  run_batch();
}

// Zero: do not sleep. None: until something happens (LIFE-05).
std::optional<Duration> EventLoop::select_timeout() {
  if (!ready_.empty() || stopping_) return Duration::zero();
  if (!port_->prepare_sleep()) return Duration::zero();
  port_->stats.ready_length.set(0);
  const auto first = timers_.first();
  if (!first) return std::nullopt;
  return std::clamp(*first - clock_.now(), Duration::zero(), longest_sleep);
}

void EventLoop::dispatch(std::span<const ReadyFd> events) {
  port_->woke();
  if (port_->has_mail()) port_->drain_to(ready_);
  for (const auto& event : events) {
    auto& watch = watches_[static_cast<std::size_t>(event.fd)];
    if ((event.ready & Interest::read) != Interest::none) queue_ready(watch.reader, event.fd, Interest::read);
    if ((event.ready & Interest::write) != Interest::none) queue_ready(watch.writer, event.fd, Interest::write);
  }
  port_->stats.events.add(events.size());
}

inline void EventLoop::queue_ready(const Ref<ScheduledCall>& call, int fd, Interest side) {
  if (!call) return;
  if (call->cancelled()) {
    unwatch(fd, side);  // cancelled through its handle (SCHED-16)
    return;
  }
  call->add_ref();
  ready_.push(call.get());
}

void EventLoop::queue_after_mail(Runnable& work) {
  port_->drain_to(ready_);
  ready_.push(&work);
}

// Only what is ready now: a callback that schedules another must not starve the selector (LIFE-03).
void EventLoop::run_batch() {
  const auto count = ready_.size();
  auto& port = *port_;
  port.stats.ready_length.set(count);
  const auto began = stamp_;
  std::size_t long_ones = 0;
  for (auto left = count; left > 0; --left) {
    auto* work = ready_.pop();
    const auto started = stamp_;
    port.current.begin(*work, task_id(*work), started);
    if (debug_) [[unlikely]] {
      run_watched(*work);
    } else {
      work->run();
    }
    // A callback that had no context and set a variable: nobody else sees it.
    if (CurrentContext::any()) [[unlikely]]
      CurrentContext::drop();
    // A task's step has taken the stamp already.
    if (stamp_ == started) take_stamp();
    if (const auto took = stamp_ - started; port.stats.callback_time.is_long(took)) [[unlikely]] {
      port.stats.callback_time.add_long(took);
      ++long_ones;
    }
  }
  port.current.end();
  publish(count);
  port.stats.callback_time.add_batch(count - long_ones, stamp_ - began);
  port.stats.busy.add(stamp_ - began);
  port.stats.iteration_time.add(stamp_ - began);
}

void EventLoop::publish(std::size_t callbacks) {
  auto& stats = port_->stats;
  stats.iterations.add(1);
  stats.callbacks.add(callbacks);
  stats.timers_live.set(timers_.size() - timers_.cancelled());
  stats.timers_cancelled.set(timers_.cancelled());
}

void EventLoop::run_watched(Runnable& work) {
  const auto kind = work.kind();
  const auto where = work.where();
  const auto task = task_id(work);
  const auto started = CycleClock::now();
  work.run();
  const auto took = CycleClock::to_nanos(CycleClock::now() - started);
  if (took < slow_callback_duration_) return;
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.3f", std::chrono::duration<double>(took).count());
  std::string what = kind == WorkKind::task ? "<Task-" + std::to_string(task) : std::string("<") + work_kind_name(kind);
  log(LogLevel::warning, "Executing " + what + " created at " + place(where) + "> took " + seconds + " seconds");
}

void EventLoop::run_until_done(FutureBase& future, bool own_task) {
  if (&future.loop() != this)
    throw ValueError("The future belongs to a different loop than the one specified as the loop argument");
  const FutureRef keep(&future);
  if (own_task)
    if (auto* task = future.as_task()) task->set_quiet();
  const auto callback = future.add_done_callback([this](FutureBase& done) {
    // A Fatal has left the run by itself: a stop now would end the next one (LIFE-33).
    if (!done.cancelled() && holds<Fatal>(done.peek_exception())) {
      done.mark_retrieved();
      return;
    }
    stop();
  });
  try {
    run_forever();
  } catch (...) {
    future.remove_done_callback(callback);
    if (own_task && future.done()) future.mark_retrieved();
    throw;
  }
  // Or a run that ended early would end a later one by surprise (LIFE-28).
  future.remove_done_callback(callback);
  if (!future.done()) throw LoopError("Event loop stopped before Future completed.");
}

void EventLoop::stop() noexcept {
  stopping_ = true;
  port_->stop_pending_.store(true, std::memory_order_relaxed);
}

void EventLoop::close() {
  if (is_running()) throw LoopError("Cannot close a running event loop");
  if (is_closed()) return;
  port_->close();
  while (!ready_.empty()) ready_.pop()->drop();
  timers_.clear();
  auto watches = std::exchange(watches_, {});
  for (const auto& watch : watches)
    if (watch.owner) watch.owner->loop_closed();
  for (auto& watch : watches)
    for (auto* side : {&watch.reader, &watch.writer})
      if (*side) side->detach()->drop();
  selector_.reset();
  executor_shutdown_ = true;
  if (default_executor_) default_executor_->shutdown(false);
  for (const auto& job : std::exchange(jobs_, {})) job->future_ = nullptr;
  auto& stats = port_->stats;
  stats.ready_length.set(0);
  stats.timers_live.set(0);
  stats.timers_cancelled.set(0);
  stats.watchers.set(watchers_ = 0);
}

void EventLoop::check_can_run() const {
  check_open();
  if (is_running()) throw LoopError("This event loop is already running");
  if (running_) throw LoopError("Cannot run the event loop while another loop is running");
}

void EventLoop::check_foreign_thread() const {
  // An idle loop may be used from any one thread; a running one only from its own.
  if (is_running()) throw LoopError("Non-thread-safe operation invoked on an event loop other than the current one");
}

// --- tasks ---

void EventLoop::adopt_task(TaskBase& task, bool eager) {
  task.self_.add_ref();  // the loop owns every unfinished task
  task.record_->set_task(&task);
  port_->stats.tasks_created.add(1);
  port_->stats.tasks_live.set(++live_tasks_);
  if (eager) {
    const FutureRef keep(&task.self_);
    task.run_eagerly();
  } else {
    task.self_.add_ref();
    queue(task);
  }
}

void EventLoop::task_done(TaskBase& task) noexcept {
  task.record_->set_task(nullptr);
  port_->stats.tasks_live.set(--live_tasks_);
  task.self_.release();  // whoever runs the step holds another one
}

std::vector<FutureRef> EventLoop::all_tasks() const {
  check_thread();
  std::vector<FutureRef> tasks;
  tasks.reserve(live_tasks_);
  for (auto* const task : owned_tasks()) tasks.emplace_back(&task->self_);
  return tasks;
}

// The oldest first.
std::vector<TaskBase*> EventLoop::owned_tasks() const {
  auto tasks = port_->tasks.owned();
  std::ranges::sort(tasks, {}, &TaskBase::id);
  return tasks;
}

// What is pending when the loop goes: reported, and its frame unwound (TASK-18, TASK-19). The newest first: a
// task may use what an older one's frame owns.
void EventLoop::drop_tasks() {
  for (auto* const task : owned_tasks()) {
    if (task->quiet_) continue;
    try {
      call_exception_handler({.message = "Task was destroyed but it is pending!", .task = FutureRef(&task->self_)});
    } catch (...) {
      // Not even a Fatal leaves a destructor.
    }
  }
  while (live_tasks_ > 0) {  // what a frame owns may make another one when it goes
    for (auto* const task : std::views::reverse(owned_tasks())) {
      const FutureRef keep(&task->self_);
      task_done(*task);
      task->detach();
      task->destroy_frame();
      task->give_record_back();
    }
  }
}

// --- file descriptors ---

void EventLoop::check_unclaimed(int fd) const {
  const auto index = static_cast<std::size_t>(fd);
  if (fd < 0 || index >= watches_.size()) return;
  if (const auto* owner = watches_[index].owner; owner && owner->holds_fd())
    throw LoopError("File descriptor " + std::to_string(fd) + " is used by transport " + owner->description());
}

void EventLoop::claim(int fd, FdOwner& owner) {
  check_open();
  check_thread();
  check_unclaimed(fd);
  const auto index = static_cast<std::size_t>(fd);
  if (index >= watches_.size()) watches_.resize(index + 1);
  watches_[index].owner = &owner;
}

void EventLoop::unclaim(int fd, const FdOwner& owner) noexcept {
  const auto index = static_cast<std::size_t>(fd);
  if (fd >= 0 && index < watches_.size() && watches_[index].owner == &owner) watches_[index].owner = nullptr;
}

bool EventLoop::is_watched(int fd, Interest side) const noexcept {
  const auto index = static_cast<std::size_t>(fd);
  if (fd < 0 || index >= watches_.size()) return false;
  const auto& call = side == Interest::read ? watches_[index].reader : watches_[index].writer;
  return call && !call->cancelled();
}

void EventLoop::set_watch(int fd, Interest side, const Ref<ScheduledCall>& call) {
  const auto index = static_cast<std::size_t>(fd);
  if (fd >= 0 && index >= watches_.size()) watches_.resize(index + 1);
  Interest before = Interest::none;
  if (fd >= 0) {
    if (watches_[index].reader) before = before | Interest::read;
    if (watches_[index].writer) before = before | Interest::write;
  }
  if (before == Interest::none) {
    selector_->add(fd, side);
  } else {
    // Also when the mask is the same: the number may have been closed and given out again (FD-07).
    selector_->modify(fd, before | side);
  }
  auto& slot = side == Interest::read ? watches_[index].reader : watches_[index].writer;
  const auto replaced = std::exchange(slot, call);
  if (replaced) {
    replaced->cancel();
  } else {
    port_->stats.watchers.set(++watchers_);
  }
}

bool EventLoop::unwatch(int fd, Interest side) noexcept {
  const auto index = static_cast<std::size_t>(fd);
  if (is_closed() || fd < 0 || index >= watches_.size()) return false;
  auto& watch = watches_[index];
  const auto removed = std::exchange(side == Interest::read ? watch.reader : watch.writer, nullptr);
  if (!removed) return false;
  const auto& other = side == Interest::read ? watch.writer : watch.reader;
  if (other) {
    try {
      selector_->modify(fd, side == Interest::read ? Interest::write : Interest::read);
    } catch (const std::exception&) {
      // The fd was closed already: nothing is watched any more.
    }
  } else {
    selector_->remove(fd);
  }
  removed->cancel();
  port_->stats.watchers.set(--watchers_);
  return true;
}

std::span<std::byte> EventLoop::receive_buffer() {
  if (!receive_buffer_) receive_buffer_ = std::make_unique_for_overwrite<ReceiveBuffer>();
  return receive_buffer_->bytes;
}

// --- errors ---

void EventLoop::callback_failed(const Runnable& work, std::exception_ptr error) {
  call_exception_handler(
      {.message = "Exception in callback " + std::string(work.where().function_name()) + " at " + place(work.where()),
       .exception = std::move(error),
       .handle = &work});
}

void EventLoop::default_exception_handler(const ErrorContext& context) {
  if (default_exception_handler_) return default_exception_handler_(*this, context);
  std::string text = context.message.empty() ? "Unhandled exception in event loop" : context.message;
  if (context.handle) text += "\nhandle: " + place(context.handle->where());
  for (const auto& [key, value] : context.more) text += "\n" + key + ": " + value;
  if (context.task)
    if (auto* task = context.task->as_task()) text += "\ntask: " + task->name();
  if (context.exception) text += "\n" + describe(context.exception);
  log(LogLevel::error, text);
}

void EventLoop::call_exception_handler(const ErrorContext& context) {
  check_thread();
  port_->stats.exceptions.add(1);
  const auto by_default = [&](const ErrorContext& told, const char* failure) {
    try {
      default_exception_handler(told);
    } catch (const Fatal&) {
      throw;
    } catch (...) {
      log(LogLevel::error, failure);
    }
  };
  if (!exception_handler_) return by_default(context, "Exception in default exception handler");
  try {
    // A copy: the handler may replace itself.
    const auto handler = exception_handler_;
    if (const auto* own = context_of(context)) return own->run([&] { handler(*this, context); });
    handler(*this, context);
  } catch (const Fatal&) {
    throw;
  } catch (...) {
    by_default({.message = "Unhandled error in exception handler",
                .exception = std::current_exception(),
                .context = std::make_shared<const ErrorContext>(context)},
               "Exception in default exception handler while handling an unexpected error in custom exception handler");
  }
}

}  // namespace evloop
