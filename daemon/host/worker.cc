#include "host/worker.h"

#include <pthread.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "aio/runner.h"
#include "base/log.h"
#include "host/ringing_selector.h"
#include "host/signals_blocked.h"

namespace evloopd::host {
namespace {

constexpr std::size_t longest_thread_name = 15;
constexpr std::chrono::seconds time_to_end{1};  // of a thread that has nothing left to do

std::unique_ptr<evloop::EventLoop> make_loop(SelectorKind kind, std::shared_ptr<Bell> bell) {
  auto selector = kind == SelectorKind::poll ? evloop::make_poll_selector() : evloop::make_epoll_selector();
  return std::make_unique<evloop::EventLoop>(
      evloop::EventLoop::Options{.selector = std::make_unique<RingingSelector>(std::move(selector), std::move(bell)),
                                 .clock = nullptr,
                                 .default_exception_handler = {}});
}

void close_loop(std::unique_ptr<evloop::EventLoop> loop, CloseMode mode) {
  if (mode == CloseMode::raw) return loop->close();
  evloop::Runner runner({.debug = {}, .loop_factory = [&] { return std::move(loop); }});
  static_cast<void>(runner.get_loop());
  runner.close();
}

}  // namespace

class Worker::Core {
 public:
  explicit Core(const std::string& loop_name) : thread_name_(("evl-" + loop_name).substr(0, longest_thread_name)) {}

  // Starts the thread, which holds `self` until it ends, and waits until the loop is there.
  static void start(const std::shared_ptr<Core>& self, SelectorKind selector, std::shared_ptr<Bell> bell) {
    std::promise<void> ready;
    auto made = ready.get_future();
    {
      const SignalsBlocked blocked;  // the thread inherits it
      self->thread_ = std::thread(
          [self, selector, bell = std::move(bell), &ready]() mutable { self->run(selector, std::move(bell), ready); });
    }
    try {
      made.get();
    } catch (...) {
      self->thread_.join();
      throw;
    }
  }

  void execute(Function function) {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    between_runs_.push_back(std::move(function));
    changed_.notify_one();
  }

  void on_loop(Function function) {
    {
      const std::lock_guard lock(mutex_);
      if (finished_) return;
      anytime_.push_back(std::move(function));
      if (!in_run_) return changed_.notify_one();
    }
    // If the run ends before this arrives, the thread finds the function itself.
    port_->post([this] { run_anytime(evloop::get_running_loop()); });
  }

  void close(CloseMode mode, Function before, Closed closed) {
    execute([this, mode, before = std::move(before), closed = std::move(closed)](evloop::EventLoop& loop) mutable {
      before(loop);
      try {
        close_loop(std::move(loop_), mode);
      } catch (const std::exception& error) {
        evloop::log(evloop::LogLevel::warning, thread_name_ + ": closing was cut short: " + error.what());
      } catch (...) {
        evloop::log(evloop::LogLevel::warning, thread_name_ + ": closing was cut short");
      }
      closed();
    });
  }

  void leave() {
    std::unique_lock lock(mutex_);
    leaving_ = true;
    changed_.notify_all();
    // One that is in a callback may never come back, and this may be the thread itself.
    const bool wait = !port_->is_running() && thread_.get_id() != std::this_thread::get_id();
    const bool ended = wait && ended_.wait_for(lock, time_to_end, [&] { return finished_; });
    lock.unlock();
    ended ? thread_.join() : thread_.detach();
  }

  [[nodiscard]] ThreadUsage usage() const {
    const std::lock_guard lock(mutex_);
    return finished_ ? last_usage_ : read_thread_usage(thread_id_);
  }
  [[nodiscard]] bool finished() const {
    const std::lock_guard lock(mutex_);
    return finished_;
  }

  const std::string thread_name_;
  // Set before start() returns.
  std::int64_t thread_id_ = 0;
  std::shared_ptr<evloop::LoopPort> port_;

 private:
  void run(SelectorKind selector, std::shared_ptr<Bell> bell, std::promise<void>& ready) {
    ::pthread_setname_np(::pthread_self(), thread_name_.c_str());
    thread_id_ = ::gettid();
    try {
      loop_ = make_loop(selector, std::move(bell));
      port_ = loop_->port();
      ready.set_value();
    } catch (...) {
      return ready.set_exception(std::current_exception());
    }
    while (auto function = next()) {
      call(function, *loop_);
      function = nullptr;
      if (!loop_) break;
    }
    if (loop_) loop_->close();
    loop_.reset();
    const auto usage = read_thread_usage(thread_id_);
    std::deque<Function> dropped;
    const std::lock_guard lock(mutex_);
    last_usage_ = usage;
    finished_ = true;
    ended_.notify_all();
    dropped.swap(anytime_);
    for (auto& function : between_runs_) dropped.push_back(std::move(function));
    between_runs_.clear();
  }

  // Empty: leave.
  Function next() {
    std::unique_lock lock(mutex_);
    in_run_ = false;
    changed_.wait(lock, [&] { return leaving_ || !anytime_.empty() || !between_runs_.empty(); });
    auto& queue = !anytime_.empty() ? anytime_ : between_runs_;
    if (queue.empty()) return nullptr;
    auto function = std::move(queue.front());
    queue.pop_front();
    in_run_ = true;
    return function;
  }

  void run_anytime(evloop::EventLoop& loop) {
    for (;;) {
      Function function;
      {
        const std::lock_guard lock(mutex_);
        if (anytime_.empty()) return;
        function = std::move(anytime_.front());
        anytime_.pop_front();
      }
      call(function, loop);
    }
  }

  // A function that fails against its word must not take the thread with it.
  void call(Function& function, evloop::EventLoop& loop) {
    try {
      function(loop);
    } catch (const std::exception& error) {
      evloop::log(evloop::LogLevel::error, thread_name_ + ": " + error.what());
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable ended_;
  std::deque<Function> anytime_;       // guarded by mutex_
  std::deque<Function> between_runs_;  // guarded by mutex_
  bool in_run_ = false;                // guarded by mutex_: the thread may not look at anytime_ for long
  bool leaving_ = false;               // guarded by mutex_
  bool finished_ = false;              // guarded by mutex_
  ThreadUsage last_usage_;             // guarded by mutex_

  std::thread thread_;                       // the owner's
  std::unique_ptr<evloop::EventLoop> loop_;  // the thread's; empty as soon as it begins to close
};

Worker::Worker(const std::string& loop_name, SelectorKind selector, std::shared_ptr<Bell> bell)
    : core_(std::make_shared<Core>(loop_name)) {
  Core::start(core_, selector, std::move(bell));
}

Worker::~Worker() { core_->leave(); }

void Worker::execute(Function function) { core_->execute(std::move(function)); }
void Worker::on_loop(Function function) { core_->on_loop(std::move(function)); }
void Worker::close(CloseMode mode, Function before, Closed closed) {
  core_->close(mode, std::move(before), std::move(closed));
}
const std::shared_ptr<evloop::LoopPort>& Worker::port() const noexcept { return core_->port_; }
std::int64_t Worker::thread_id() const noexcept { return core_->thread_id_; }
const std::string& Worker::thread_name() const noexcept { return core_->thread_name_; }
ThreadUsage Worker::usage() const { return core_->usage(); }
bool Worker::finished() const { return core_->finished(); }

}  // namespace evloopd::host
