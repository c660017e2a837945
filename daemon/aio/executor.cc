#include "aio/executor.h"

#include <thread>

#include "aio/event_loop.h"
#include "aio/thread_pool.h"
#include "aio/timeout.h"
#include "base/log.h"

namespace evloop {
void EventLoop::set_default_executor(std::shared_ptr<Executor> executor) { default_executor_ = std::move(executor); }

Executor& EventLoop::default_executor() {
  if (executor_shutdown_) throw LoopError("Executor shutdown has been called");
  if (!default_executor_) default_executor_ = std::make_shared<ThreadPool>();
  return *default_executor_;
}

void EventLoop::submit_job(Executor* executor, FutureBase& future, std::shared_ptr<ExecutorJob> job) {
  if (!executor) executor = &default_executor();
  // The future is counted on this thread only. The executor's thread carries a bare pointer back, valid
  // because the reference taken here is given up by the delivery.
  future.add_ref();
  executor->submit([port = port_, job, target = &future] {
    if (!job->begin()) return;  // cancelled before its turn
    job->run();
    port->post([job, target] {
      const auto reference = FutureRef::adopt(target);
      job->deliver(*target);
    });
  });
  future.add_done_callback([port = port_.get(), job = std::weak_ptr(job), target = &future](FutureBase& done) {
    if (!done.cancelled()) return;
    const auto waiting = job.lock();
    if (!waiting || !waiting->cancel()) return;
    // As in asyncio, the thread's future tells the loop that it was cancelled.
    port->post([target] { const auto reference = FutureRef::adopt(target); });
  });
}

Coro<void> EventLoop::shutdown_default_executor(std::optional<Duration> timeout_after) {
  executor_shutdown_ = true;
  if (!default_executor_) co_return;
  auto future = create_future<void>();
  future.state()->set_wait_kind(WaitKind::executor);
  future.state()->add_ref();
  auto* target = future.state().get();
  // The join may take long: a helper thread does it.
  std::thread helper([executor = default_executor_, port = port_, target] {
    std::exception_ptr failure;
    try {
      executor->shutdown(true);
    } catch (...) {
      failure = std::current_exception();
    }
    port->post([target, failure] {
      const auto reference = Ref<FutureState<void>>::adopt(target);
      if (target->done()) return;
      if (failure) {
        target->set_exception(failure);
      } else {
        target->set_result(Unit{});
      }
    });
  });
  auto ended = co_await settled(wait_for(std::move(future), timeout_after));
  if (ended.has_value()) {
    helper.join();
    co_return;
  }
  helper.detach();
  if (!holds<TimeoutError>(ended.error())) std::rethrow_exception(ended.error());
  log(LogLevel::warning, "The executor did not finishing joining its threads within " +
                             std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*timeout_after).count()) +
                             " seconds.");
  default_executor_->shutdown(false);
}

}  // namespace evloop
