#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>

#include "aio/future_base.h"

namespace evloop {

// Where run_in_executor() takes its threads from. Any thread.
class Executor {
 public:
  virtual ~Executor() = default;

  // Runs `job` some time on some other thread. Throws LoopError after shutdown.
  virtual void submit(std::move_only_function<void()> job) = 0;

  // Takes no more jobs. `wait`: returns when those submitted have ended.
  virtual void shutdown(bool wait) = 0;
};

// A job for an executor, shared by the loop and the thread that runs it.
class ExecutorJob {
 public:
  virtual ~ExecutorJob() = default;
  // On the executor's thread.
  virtual void run() noexcept = 0;
  // Back on the loop's thread: completes the future.
  virtual void deliver(FutureBase& future) = 0;

  // One of the two wins (EXEC-03).
  [[nodiscard]] bool begin() noexcept { return !taken_.exchange(true); }
  [[nodiscard]] bool cancel() noexcept { return !taken_.exchange(true); }

 private:
  friend class EventLoop;
  std::atomic<bool> taken_{false};
  // Loop thread only: the future until the delivery, and where the loop keeps the job meanwhile.
  Ref<FutureBase> future_;
  std::list<std::shared_ptr<ExecutorJob>>::iterator place_;
};

}  // namespace evloop
