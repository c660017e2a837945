#include "aio/executor.h"

#include <thread>

#include "aio/event_loop.h"
#include "aio/thread_pool.h"
#include "aio/timeout.h"
#include "base/log.h"

namespace evloop {

void EventLoop::set_default_executor(std::shared_ptr<Executor> executor) {
  check_thread();
  default_executor_ = std::move(executor);
}

Executor& EventLoop::default_executor() {
  if (executor_shutdown_) throw LoopError("Executor shutdown has been called");
  if (!default_executor_) default_executor_ = std::make_shared<ThreadPool>();
  return *default_executor_;
}

void EventLoop::submit_job(Executor* executor, FutureBase& future, std::shared_ptr<ExecutorJob> job) {
  if (!executor) executor = &default_executor();
  executor->submit(expect_job(future, job));
  future.add_done_callback([this, job = std::weak_ptr(job)](FutureBase& done) {
    if (!done.cancelled()) return;
    const auto waiting = job.lock();
    if (!waiting || !waiting->cancel()) return;
    // As in asyncio, the thread's future tells the loop that it was cancelled.
    port_->post([this, waiting] { deliver_job(*waiting, true); });
  });
}

// What the thread is to run. A future is counted on the loop's thread only: so the loop keeps it, until the
// delivery or until it closes, and the thread carries nothing but the job.
std::move_only_function<void()> EventLoop::expect_job(FutureBase& future, std::shared_ptr<ExecutorJob> job) {
  job->future_ = FutureRef(&future);
  job->place_ = jobs_.insert(jobs_.end(), job);
  return [this, port = port_, job = std::move(job)] {
    if (!job->begin()) return;  // cancelled before its turn
    job->run();
    port->post([this, job] { deliver_job(*job, false); });
  };
}

void EventLoop::deliver_job(ExecutorJob& job, bool cancelled) {
  const auto future = std::exchange(job.future_, nullptr);
  jobs_.erase(job.place_);
  if (!cancelled) job.deliver(*future);
}

Coro<void> EventLoop::shutdown_default_executor(std::optional<Duration> timeout_after) {
  executor_shutdown_ = true;
  if (!default_executor_) co_return;
  // The join may take long: a helper thread does it.
  class Join final : public ExecutorJob {
   public:
    explicit Join(std::shared_ptr<Executor> executor) : executor_(std::move(executor)) {}
    void run() noexcept override {
      try {
        executor_->shutdown(true);
      } catch (...) {
        failure_ = std::current_exception();
      }
    }
    void deliver(FutureBase& future) override {
      if (future.done()) return;
      if (failure_) {
        future.set_exception(failure_);
      } else {
        static_cast<FutureState<void>&>(future).set_result(Unit{});
      }
    }

   private:
    std::shared_ptr<Executor> executor_;
    std::exception_ptr failure_;
  };
  struct Helper {
    std::thread thread;
    // Not waited for: it goes on by itself.
    ~Helper() {
      if (thread.joinable()) thread.detach();
    }
  };
  auto future = create_future<void>();
  future.state()->set_wait_kind(WaitKind::executor);
  Helper helper{std::thread(expect_job(*future.state(), std::make_shared<Join>(default_executor_)))};
  const auto ended = co_await settled(wait_for(std::move(future), timeout_after));
  if (ended.has_value()) {
    helper.thread.join();
    co_return;
  }
  if (!holds<TimeoutError>(ended.error())) std::rethrow_exception(ended.error());
  log(LogLevel::warning, "The executor did not finishing joining its threads within " +
                             std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*timeout_after).count()) +
                             " seconds.");
  default_executor_->shutdown(false);
}

}  // namespace evloop
