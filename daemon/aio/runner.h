#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "aio/event_loop.h"
#include "aio/interrupt_scope.h"

namespace evloop {

// Cancels all tasks of a loop that does not run, runs it until they have ended, and reports those that
// failed (RUN-04, RUN-05). Waits for a task that swallows its cancellation as long as it takes.
void cancel_all_tasks(EventLoop& loop);

// A loop for the time of a program: made at first use, run any number of times, and closed in order: tasks
// cancelled, generators and executor shut down, loop closed. One thread.
//
// While it runs, SIGINT cancels the main task: see InterruptScope.
class Runner {
 public:
  struct Options {
    std::optional<bool> debug;                                 // nullopt: as the loop has it
    std::function<std::unique_ptr<EventLoop>()> loop_factory;  // empty: a plain EventLoop
  };

  Runner();
  explicit Runner(Options options);
  ~Runner();  // closes; what that throws is lost, as a destructor must not throw
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Runs `main` as a task; its value, or throws its exception (RUN-01). Throws LoopError from a running
  // loop, and after close(). `context`: none is the runner's own, the same for each run (RUN-07).
  template <class T>
  T run(Coro<T> main, Context context = {}, std::source_location where = std::source_location::current()) {
    prepare("Runner.run() cannot be called from a running event loop");
    const bool own = !context;
    const auto task = create_main(std::move(main), own ? context_ : std::move(context), where);
    // What main sets in the runner's context is there for the next run.
    struct AtExit {
      Context* kept;
      const TaskBase& main;
      ~AtExit() {
        if (const auto* left = main.context(); kept && left) *kept = *left;
      }
    } const at_exit{own ? &context_ : nullptr, task.base()};
    const InterruptScope interrupts(*loop_, *task.state());
    try {
      return loop_->run_until_complete(static_cast<const Future<T>&>(task));
    } catch (const CancelledError&) {
      interrupts.rethrow_as_interrupt();
      throw;
    }
  }
  // The outcome of a future of the runner's loop (RUN-03).
  template <class T>
  T run(Future<T> future, std::source_location where = std::source_location::current()) {
    return run(await(std::move(future)), {}, where);
  }
  // The loop, made now if it is not there yet. Throws LoopError after close().
  [[nodiscard]] EventLoop& get_loop();
  // Idempotent (RUN-08). Closes the loop even if an earlier step throws.
  void close();

 private:
  enum class State : std::uint8_t { created, initialized, closed };

  template <class T>
  static Coro<T> await(Future<T> future) {
    co_return co_await std::move(future);
  }
  template <class T>
  Task<T> create_main(Coro<T> main, Context context, std::source_location where) {
    const ContextScope scope(context);  // so that none is none, whatever is set here
    return loop_->create_task(std::move(main), {.context = context}, where);
  }
  // Throws `text` inside a running loop.
  void prepare(const char* text);

  Options options_;
  State state_ = State::created;
  std::unique_ptr<EventLoop> loop_;
  Context context_;  // none, as long as nothing is set in it
};

// Runs `main` on a new loop, and closes that in order: the entry point of a program (RUN-01).
template <class T>
T run(Coro<T> main, Runner::Options options = {}) {
  if (running_loop_or_null()) throw LoopError("asyncio.run() cannot be called from a running event loop");
  Runner runner(std::move(options));
  Outcome<T> outcome;
  try {
    if constexpr (std::is_void_v<T>) {
      runner.run(std::move(main));
      outcome = Outcome<T>::of({});
    } else {
      outcome = Outcome<T>::of(runner.run(std::move(main)));
    }
  } catch (...) {
    outcome = Outcome<T>::failed(std::current_exception());
  }
  runner.close();
  return std::move(outcome).take();
}

}  // namespace evloop
