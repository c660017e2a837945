#include "aio/runner.h"

#include <vector>

#include "aio/gather.h"

namespace evloop {
namespace {

constexpr auto thread_join_timeout = std::chrono::minutes(5);

// For children of any type: only that they ended.
struct ReadNothing {
  template <class Child>
  static Unit read(Child child, std::size_t size) {
    for (std::size_t n = 0; n < size; ++n) child(n).mark_retrieved();
    return {};
  }
};

}  // namespace

void cancel_all_tasks(EventLoop& loop) {
  const auto tasks = loop.all_tasks();
  if (tasks.empty()) return;
  for (const auto& task : tasks) task->cancel();
  const Ref<GatherState<void, ReadNothing>> all(new GatherState<void, ReadNothing>(loop, true));
  for (const auto& task : tasks) all->add(*task);
  all->begin();
  loop.run_until_complete(Future<void>(all));
  for (const auto& task : tasks) {
    if (task->cancelled()) continue;
    if (const auto error = task->exception())
      loop.call_exception_handler(
          {.message = "unhandled exception during asyncio.run() shutdown", .exception = error, .task = task});
  }
}

Runner::Runner() : Runner(Options{}) {}

Runner::Runner(Options options) : options_(std::move(options)) {}

Runner::~Runner() {
  try {
    close();
  } catch (...) {
  }
}

void Runner::prepare(const char* text) {
  if (running_loop_or_null()) throw LoopError(text);
  static_cast<void>(get_loop());
}

EventLoop& Runner::get_loop() {
  if (state_ == State::closed) throw LoopError("Runner is closed");
  if (state_ == State::created) {
    loop_ = options_.loop_factory ? options_.loop_factory() : std::make_unique<EventLoop>();
    context_ = CurrentContext::capture();
    if (options_.debug) loop_->set_debug(*options_.debug);
    state_ = State::initialized;
  }
  return *loop_;
}

void Runner::close() {
  if (state_ != State::initialized) return;
  struct CloseLoop {
    Runner& runner;
    ~CloseLoop() {
      runner.state_ = State::closed;
      runner.loop_->close();
      runner.loop_.reset();
    }
  };
  const CloseLoop close_loop{*this};
  cancel_all_tasks(*loop_);
  loop_->run_until_complete(loop_->shutdown_asyncgens());
  loop_->run_until_complete(loop_->shutdown_default_executor(thread_join_timeout));
}

}  // namespace evloop
