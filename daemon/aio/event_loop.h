#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "aio/coro.h"
#include "aio/coroutine_of.h"
#include "aio/errors.h"
#include "aio/executor.h"
#include "aio/future.h"
#include "aio/handle.h"
#include "aio/loop_port.h"
#include "aio/operation.h"
#include "aio/ready_queue.h"
#include "aio/selector.h"
#include "aio/task.h"
#include "aio/timer_queue.h"
#include "base/clock.h"
#include "base/copy_alignment.h"

namespace evloop {

class GeneratorBase;

// Some future or task, whatever its type.
using FutureRef = Ref<FutureBase>;

// What an exception handler is told (EXCH-01).
struct ErrorContext {
  std::string message;
  std::exception_ptr exception{};
  FutureRef future{};
  FutureRef task{};
  const Runnable* handle = nullptr;               // valid during the call
  const GeneratorBase* asyncgen = nullptr;        // valid during the call
  std::shared_ptr<const ErrorContext> context{};  // what a handler that failed had been told
  std::map<std::string, std::string> more{};      // described: transport, protocol, socket, ...

  // The keys that are there, `message` included, sorted.
  [[nodiscard]] std::vector<std::string> keys() const;
};

// Who has claimed an fd: a transport. Destroyed only after it gave up its claim, or the loop was closed.
class FdOwner {
 public:
  // For the text of LoopError: "<SocketTransport fd=7 ...>".
  [[nodiscard]] virtual std::string description() const = 0;
  // False while it closes: others may watch the fd then (FD-06).
  [[nodiscard]] virtual bool holds_fd() const noexcept = 0;
  // The loop is closed: none of its callbacks will run any more.
  virtual void loop_closed() noexcept = 0;

 protected:
  ~FdOwner() = default;
};

// asyncio's event loop: its verbs and nothing more. It makes no sockets and no threads but the default
// executor's. Whoever constructs it owns it; it is used on the thread that runs it. Methods for other
// threads say "Any thread"; the rest check their thread while the loop runs, in every build (DBG-03).
//
// Clauses named in comments are those of the asyncio contract catalogue.
class EventLoop {
 public:
  using ExceptionHandler = std::function<void(EventLoop&, const ErrorContext&)>;

  struct Options {
    std::unique_ptr<Selector> selector;          // null: epoll
    Clock* clock = nullptr;                      // null: the steady clock; outlives the loop
    ExceptionHandler default_exception_handler;  // empty: one error line in the log (EXCH-02)
  };

  EventLoop() : EventLoop(Options{}) {}
  explicit EventLoop(Options options);
  ~EventLoop();  // closes it, with a warning, if nobody did (LIFE-43)
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // --- run, stop, close ---

  // Runs until stop(). Throws LoopError (LIFE-22), or a Fatal that came out of a callback (LIFE-34).
  void run_forever();
  // Runs until the future is done, or the coroutine, made a task; its value, or throws its exception.
  // LoopError("Event loop stopped before Future completed.") if a stop() came first (LIFE-31).
  template <class T>
  T run_until_complete(Coro<T> coro, std::source_location where = std::source_location::current()) {
    check_can_run();
    auto task = make_task<TaskState<T>>(std::move(coro), where, {});
    run_until_done(*task.state(), true);
    return std::move(task).state()->take_result_as();
  }
  template <Operation A>
  auto run_until_complete(A operation, std::source_location where = std::source_location::current()) ->
      typename A::Value {
    return run_until_complete(as_coro(std::move(operation)), where);
  }
  template <class T>
  T run_until_complete(const Future<T>& future) {
    check_can_run();
    run_until_done(*future.state(), false);
    return future.state()->take_result_as();
  }
  // The current batch of callbacks is finished, then the run ends; before a run: that run makes one turn
  // (LIFE-17, LIFE-18). Never throws. Not a wake-up: from another thread, post it.
  void stop() noexcept;
  [[nodiscard]] bool is_running() const noexcept { return port_->is_running(); }  // Any thread.
  [[nodiscard]] bool is_closed() const noexcept { return port_->is_closed(); }    // Any thread.
  // Drops what is queued and releases selector and executor; cancels nothing (LIFE-36 to LIFE-42).
  void close();

  // Closes the asynchronous generators that were iterated and not finished (AGEN-03).
  Coro<void> shutdown_asyncgens();
  // Waits for the default executor's jobs; from then on it refuses new ones (EXEC-06 to EXEC-08).
  Coro<void> shutdown_default_executor(std::optional<Duration> timeout = std::nullopt);

  // --- callbacks and timers ---
  //
  // Each runs in a copy of the context that is current when it is scheduled; `in_context(context, function)` in place
  // of a function says another one (SCHED-15).

  template <class F>
  Handle call_soon(F&& function, std::source_location where = std::source_location::current()) {
    check_open();
    check_thread();
    Ref<ScheduledCall> call(make_call<FunctionCall>(std::forward<F>(function), WorkKind::callback, where));
    call->add_ref();
    queue(*call);
    return Handle(std::move(call));
  }
  // Any thread.
  template <class F>
  ThreadsafeHandle call_soon_threadsafe(F&& function, std::source_location where = std::source_location::current()) {
    return port_->call_soon_threadsafe(std::forward<F>(function), where);
  }
  template <class F>
  TimerHandle call_later(Duration delay, F&& function, std::source_location where = std::source_location::current()) {
    return call_at(deadline_after(delay), std::forward<F>(function), where);
  }
  template <class F>
  TimerHandle call_at(TimePoint when, F&& function, std::source_location where = std::source_location::current()) {
    check_open();
    check_thread();
    Ref<TimerCall> timer(make_call<TimerCall>(std::forward<F>(function), when, where));
    timers_.push(*timer);
    return TimerHandle(std::move(timer));
  }
  [[nodiscard]] TimePoint time() const noexcept { return clock_.now(); }  // Any thread.
  // `delay` from now; one that is longer than time itself ends never. Any thread.
  [[nodiscard]] TimePoint deadline_after(Duration delay) const noexcept {
    const auto now = time();
    return delay > TimePoint::max() - now ? TimePoint::max() : now + delay;
  }

  // --- futures and tasks ---

  template <class T = void>
  Future<T> create_future() {
    return Future<T>(Ref<FutureState<T>>(new FutureState<T>(*this)));
  }
  // The first step runs in the next turn (TASK-01), or at once with eager_start (TASK-38).
  template <class T>
  Task<T> create_task(Coro<T> coro, TaskOptions options = {},
                      std::source_location where = std::source_location::current()) {
    check_open();
    check_thread();
    return make_task<TaskState<T>>(std::move(coro), where, std::move(options));
  }
  // The same of an operation, or of a coroutine function, which may be a lambda with captures: the task keeps the
  // function. Otherwise what a lambda captures dies with the lambda, before the first step.
  template <class F>
  auto create_task(F&& function, TaskOptions options = {},
                   std::source_location where = std::source_location::current()) {
    return create_task(coroutine_of(std::forward<F>(function)), std::move(options), where);
  }
  // ... called with copies of arguments, which the task keeps too. References are passed with std::ref(), on purpose.
  template <class F, class First, class... More>
  auto create_task(F&& function, First&& first, More&&... more) {
    auto coro = coroutine_of(std::forward<F>(function), std::forward<First>(first), std::forward<More>(more)...);
    const auto where = coro.where();
    return create_task(std::move(coro), {}, where);
  }
  // ... whose state is a `State`, derived from TaskState<T> and made with `more`.
  template <class State, class T, class... More>
  Task<T> create_task_as(Coro<T> coro, std::source_location where, More&&... more) {
    check_open();
    check_thread();
    return make_task<State>(std::move(coro), where, {}, std::forward<More>(more)...);
  }
  [[nodiscard]] TaskBase* current_task() const noexcept { return current_task_; }
  // Those that are not done, in order of creation.
  [[nodiscard]] std::vector<FutureRef> all_tasks() const;

  // --- threads ---

  // Runs `function` on a thread of `executor` (null: the default one, made on first use).
  template <class F>
  auto run_in_executor(Executor* executor, F&& function) -> Future<std::invoke_result_t<std::decay_t<F>&>>;
  void set_default_executor(std::shared_ptr<Executor> executor);

  // --- file descriptors ---

  // Calls `function` in each turn that finds `fd` readable (writable). One of each per fd; adding again
  // replaces (FD-02). The fd stays the caller's, who removes it before closing it. Throws
  // std::system_error; LoopError for an fd that a transport owns (FD-06).
  template <class F>
  Handle add_reader(int fd, F&& function, std::source_location where = std::source_location::current()) {
    check_thread();
    check_unclaimed(fd);
    return watch(fd, Interest::read, std::forward<F>(function), where);
  }
  template <class F>
  Handle add_writer(int fd, F&& function, std::source_location where = std::source_location::current()) {
    check_thread();
    check_unclaimed(fd);
    return watch(fd, Interest::write, std::forward<F>(function), where);
  }
  // True if there was one (FD-04).
  bool remove_reader(int fd) {
    check_thread();
    check_unclaimed(fd);
    return unwatch(fd, Interest::read);
  }
  bool remove_writer(int fd) {
    check_thread();
    check_unclaimed(fd);
    return unwatch(fd, Interest::write);
  }

  // For transports: the same without the check, and the claim that the check is about. claim() throws LoopError
  // for an fd that another owner holds; unclaim() of an fd that `owner` has not claimed does nothing.
  template <class F>
  Handle watch(int fd, Interest side, F&& function, std::source_location where = std::source_location::current()) {
    check_open();
    check_thread();
    const auto kind = side == Interest::read ? WorkKind::reader : WorkKind::writer;
    Ref<ScheduledCall> call(make_call<FunctionCall>(std::forward<F>(function), kind, where));
    set_watch(fd, side, call);
    return Handle(std::move(call));
  }
  // ... by a callback that is part of a larger object.
  void watch(int fd, Interest side, ScheduledCall& call) {
    check_open();
    check_thread();
    set_watch(fd, side, Ref(&call));
  }
  bool unwatch(int fd, Interest side) noexcept;
  void claim(int fd, FdOwner& owner);
  void unclaim(int fd, const FdOwner& owner) noexcept;
  // Somebody waits for it.
  [[nodiscard]] bool is_watched(int fd, Interest side) const noexcept;
  // One buffer for all receives of this loop: its content is valid until the callback returns.
  [[nodiscard]] std::span<std::byte> receive_buffer();

  // --- errors ---

  // Empty: back to the default handler.
  void set_exception_handler(ExceptionHandler handler) {
    check_thread();
    exception_handler_ = std::move(handler);
  }
  [[nodiscard]] const ExceptionHandler& exception_handler() const noexcept { return exception_handler_; }
  void default_exception_handler(const ErrorContext& context);
  void call_exception_handler(const ErrorContext& context);

  // --- debug ---

  // Callbacks and steps that take `slow_callback_duration` or longer are logged (DBG-02).
  void set_debug(bool debug) {
    check_thread();
    debug_ = debug;
  }
  [[nodiscard]] bool debug() const noexcept { return debug_; }
  void set_slow_callback_duration(Duration duration) {
    check_thread();
    slow_callback_duration_ = duration;
  }
  [[nodiscard]] Duration slow_callback_duration() const noexcept { return slow_callback_duration_; }

  // The any-thread half. It outlives the loop.
  [[nodiscard]] const std::shared_ptr<LoopPort>& port() const noexcept { return port_; }

  // For a foreign main loop (LIFE-26): single turns between the set-up and the tear-down of a run.
  class RunScope {
   public:
    explicit RunScope(EventLoop& loop);
    ~RunScope();
    RunScope(const RunScope&) = delete;
    RunScope& operator=(const RunScope&) = delete;

   private:
    EventLoop& loop_;
    const ContextScope no_context_{Context()};  // what runs in the loop brings its own
  };
  void run_once();
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }

 private:
  friend class FutureBase;
  friend class TaskBase;
  friend class ScheduledCall;
  friend class PostedCall;
  friend class GeneratorBase;
  friend class FutureCallback;
  friend EventLoop* running_loop_or_null() noexcept;

  struct ReceiveBuffer {
    alignas(copy_alignment) std::array<std::byte, 256 * 1024> bytes;
  };
  struct Watch {
    Ref<ScheduledCall> reader;
    Ref<ScheduledCall> writer;
    FdOwner* owner = nullptr;
  };

  // Something has come from other threads, or the loop is closed.
  [[nodiscard]] bool has_mail() const noexcept { return port_->has_mail(); }
  // Keeps what came from other threads in its order among what this thread queues (SCHED-02).
  void queue(Runnable& work) {
    if (has_mail()) [[unlikely]]
      return queue_after_mail(work);
    ready_.push(&work);
  }
  void queue_after_mail(Runnable& work);
  void queue_woken(TaskBase& task) {
    task.record_->woken(stamp_);
    queue(task);
  }
  // ... if there is no mail.
  void queue_woken_next(TaskBase& task) {
    task.record_->woken(stamp_);
    ready_.push(&task);
  }
  void queue_done(DoneCallback& callback) {
    if (callback.kind() == WorkKind::task) return queue_woken(static_cast<TaskBase&>(callback));
    queue(callback);
  }

  void check_open() const {
    if (port_->is_closed()) [[unlikely]]
      LoopPort::throw_closed();
  }
  void check_thread() const {
    if (running_ != this) [[unlikely]]
      check_foreign_thread();
  }
  void check_foreign_thread() const;
  void check_can_run() const;
  void check_unclaimed(int fd) const;

  [[nodiscard]] std::optional<Duration> select_timeout();
  void dispatch(std::span<const ReadyFd> events);
  void queue_ready(const Ref<ScheduledCall>& call, int fd, Interest side);
  void run_batch();
  void run_watched(Runnable& work);
  void publish(std::size_t callbacks);
  void take_stamp() noexcept {
    if constexpr (records_enabled) stamp_ = CycleClock::now();
  }

  template <class State, class T, class... More>
  Task<T> make_task(Coro<T> coro, std::source_location where, TaskOptions&& options, More&&... more) {
    if (!coro) throw LoopError("cannot reuse already awaited coroutine");
    const bool eager = options.eager_start && running_ == this;
    Ref<TaskState<T>> state(new State(*this, std::move(coro), where, std::move(options), std::forward<More>(more)...));
    adopt_task(*state, eager);
    return Task<T>(std::move(state));
  }
  void adopt_task(TaskBase& task, bool eager);
  void task_done(TaskBase& task) noexcept;
  void run_until_done(FutureBase& future, bool own_task);
  [[nodiscard]] std::vector<TaskBase*> owned_tasks() const;
  void drop_tasks();

  void set_watch(int fd, Interest side, const Ref<ScheduledCall>& call);
  void callback_failed(const Runnable& work, std::exception_ptr error);
  Executor& default_executor();
  void submit_job(Executor* executor, FutureBase& future, std::shared_ptr<ExecutorJob> job);
  std::move_only_function<void()> expect_job(FutureBase& future, std::shared_ptr<ExecutorJob> job);
  void deliver_job(ExecutorJob& job, bool cancelled);
  void generator_started(GeneratorBase& generator);
  void generator_gone(GeneratorBase& generator) noexcept;
  Task<void> close_generator_in_task(GeneratorBase& generator);

  static constinit thread_local EventLoop* running_;

  // Constant after construction.
  Clock& clock_;
  const std::shared_ptr<LoopPort> port_;
  const ExceptionHandler default_exception_handler_;

  // Loop thread only.
  std::unique_ptr<Selector> selector_;
  ReadyQueue ready_;
  TimerQueue timers_;
  std::vector<Watch> watches_;  // by fd
  bool stopping_ = false;
  bool debug_ = false;
  bool executor_shutdown_ = false;
  bool asyncgens_shutdown_ = false;
  Duration slow_callback_duration_ = std::chrono::milliseconds(100);
  ExceptionHandler exception_handler_;
  std::shared_ptr<Executor> default_executor_;
  std::list<std::shared_ptr<ExecutorJob>> jobs_;  // of executors, not delivered yet
  std::unique_ptr<ReceiveBuffer> receive_buffer_;
  GeneratorBase* generators_ = nullptr;  // first of a list, in order of first iteration
  GeneratorBase* last_generator_ = nullptr;
  std::vector<std::weak_ptr<std::vector<Ref<GeneratorBase>>>> asyncgen_shutdowns_;  // what each of them closes
  TaskBase* current_task_ = nullptr;
  std::size_t live_tasks_ = 0;
  std::size_t watchers_ = 0;
  CycleClock::Stamp stamp_ = 0;  // when the last callback ended, or the loop woke
};

// The loop that runs on this thread. Throws LoopError("no running event loop") (LIFE-24).
[[nodiscard]] EventLoop& get_running_loop();
[[nodiscard]] EventLoop* running_loop_or_null() noexcept;
// The task whose step this is; null inside a plain callback. Throws without a running loop (TASK-15).
[[nodiscard]] TaskBase* current_task();

// --- implementation ---

template <class F>
auto EventLoop::run_in_executor(Executor* executor, F&& function) -> Future<std::invoke_result_t<std::decay_t<F>&>> {
  using Result = std::invoke_result_t<std::decay_t<F>&>;
  static_assert(!CoroutineObject<Result>, "coroutines cannot be used with run_in_executor(): they run in their loop");
  class Job final : public ExecutorJob {
   public:
    explicit Job(F&& f) : function_(std::forward<F>(f)) {}
    void run() noexcept override {
      try {
        if constexpr (std::is_void_v<Result>) {
          (*function_)();
          outcome_ = Outcome<Result>::of({});
        } else {
          outcome_ = Outcome<Result>::of((*function_)());
        }
      } catch (...) {
        outcome_ = Outcome<Result>::failed(std::current_exception());
      }
      function_.reset();
    }
    void deliver(FutureBase& future) override {
      // What the job made belongs to this thread from here on, though the other one may let the job go last.
      auto outcome = std::exchange(outcome_, {});
      if (future.done()) return;
      auto& state = static_cast<FutureState<Result>&>(future);
      if (outcome.has_value()) {
        state.set_result(std::move(outcome.value()));
      } else {
        state.set_exception(outcome.error());
      }
    }

   private:
    std::optional<std::decay_t<F>> function_;
    Outcome<Result> outcome_;
  };
  check_open();
  check_thread();
  auto job = std::make_shared<Job>(std::forward<F>(function));
  auto future = create_future<Result>();
  future.state()->set_wait_kind(WaitKind::executor);
  submit_job(executor, *future.state(), std::move(job));
  return future;
}

}  // namespace evloop
