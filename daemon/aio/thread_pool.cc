#include "aio/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "aio/errors.h"

namespace evloop {
namespace {

std::size_t usual_threads() { return std::min<std::size_t>(32, std::max(1u, std::thread::hardware_concurrency()) + 4); }

}  // namespace

ThreadPool::ThreadPool(std::size_t most, std::string prefix)
    : most_(most ? most : usual_threads()), prefix_(std::move(prefix)) {}

ThreadPool::~ThreadPool() { shutdown(true); }

void ThreadPool::submit(std::move_only_function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (!open_) throw LoopError("cannot schedule new futures after shutdown");
  jobs_.push_back(std::move(job));
  if (idle_ < jobs_.size() && threads_.size() < most_)
    threads_.emplace_back([this, number = threads_.size()] { work(number); });
  changed_.notify_one();
}

void ThreadPool::shutdown(bool wait) {
  std::vector<std::thread> ended;
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    if (wait) ended = std::exchange(threads_, {});
  }
  changed_.notify_all();
  for (auto& thread : ended) thread.join();
}

void ThreadPool::work(std::size_t number) {
  ::pthread_setname_np(::pthread_self(), (prefix_ + "_" + std::to_string(number)).substr(0, 15).c_str());
  // Process signals are for the main thread.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [&] { return !jobs_.empty() || !open_; });
    --idle_;
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace evloop
