#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "aio/executor.h"

namespace evloop {

// Threads that run jobs in order of submission, started as they are needed, at most `most` of them.
// Destruction waits for what was submitted. Any thread.
class ThreadPool final : public Executor {
 public:
  // 0: as many as CPython, processors + 4, at most 32. Threads are named `<prefix>_<n>`.
  explicit ThreadPool(std::size_t most = 0, std::string prefix = "asyncio");
  ~ThreadPool() override;

  void submit(std::move_only_function<void()> job) override;
  void shutdown(bool wait) override;

 private:
  void work(std::size_t number);

  const std::size_t most_;
  const std::string prefix_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<std::move_only_function<void()>> jobs_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool open_ = true;
};

}  // namespace evloop
