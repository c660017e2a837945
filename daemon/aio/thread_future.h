#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

#include "aio/event_loop.h"

namespace evloop {

// The part of a ThreadFuture that does not depend on its type.
class ThreadFutureBase {
 public:
  ThreadFutureBase() = default;
  virtual ~ThreadFutureBase() = default;
  ThreadFutureBase(const ThreadFutureBase&) = delete;
  ThreadFutureBase& operator=(const ThreadFutureBase&) = delete;

  [[nodiscard]] bool done() const;
  [[nodiscard]] bool cancelled() const;
  // Cancels what runs in the loop, too. False if it was done.
  bool cancel();
  // Throws TimeoutError, which cancels nothing (THR-02).
  void wait(std::optional<Duration> timeout) const;
  // Called once when it is done, on the thread that completes it, or here and now.
  void add_done_callback(std::function<void()> callback);
  // The loop's side: the one who completes it, once; who comes later changes nothing.
  bool fail(std::exception_ptr error) {
    return complete([&] { error_ = std::move(error); });
  }

 protected:
  // Stores the outcome under the lock.
  template <class Store>
  bool complete(Store store) {
    std::vector<std::function<void()>> callbacks;
    {
      const std::lock_guard lock(mutex_);
      if (done_) return false;
      store();
      done_ = true;
      callbacks = std::exchange(callbacks_, {});
    }
    changed_.notify_all();
    for (const auto& callback : callbacks) callback();
    return true;
  }
  void throw_error() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // Guarded by mutex_ until done_, constant afterwards.
  bool done_ = false;
  bool cancelled_ = false;
  std::exception_ptr error_;
  std::vector<std::function<void()>> callbacks_;
};

template <class T>
class ThreadFutureState final : public ThreadFutureBase {
 public:
  bool succeed(Stored<T> value) {
    return complete([&] { value_.emplace(std::move(value)); });
  }
  [[nodiscard]] const Stored<T>& value() const {
    throw_error();
    return *value_;
  }

 private:
  std::optional<Stored<T>> value_;
};

// A result that another thread waits for. Copies mean the same one. Any thread.
template <class T>
class [[nodiscard]] ThreadFuture {
 public:
  explicit ThreadFuture(std::shared_ptr<ThreadFutureState<T>> state) : state_(std::move(state)) {}

  [[nodiscard]] bool done() const { return state_->done(); }
  [[nodiscard]] bool cancelled() const { return state_->cancelled(); }
  bool cancel() const { return state_->cancel(); }
  // Blocks, for `timeout` at most; the value, or throws the exception, CancelledError or TimeoutError.
  decltype(auto) result(std::optional<Duration> timeout = std::nullopt) const {
    state_->wait(timeout);
    if constexpr (std::is_void_v<T>) {
      static_cast<void>(state_->value());
    } else {
      return state_->value();
    }
  }
  void add_done_callback(std::function<void()> callback) const { state_->add_done_callback(std::move(callback)); }

 private:
  std::shared_ptr<ThreadFutureState<T>> state_;
};

// What run_coroutine_threadsafe() posts: turns the coroutine into a task and ties that to the thread future,
// outcome one way, cancellation the other. Dropped with the loop, it cancels the future.
template <class T>
class StartFromThread {
 public:
  using State = ThreadFutureState<T>;

  StartFromThread(std::shared_ptr<State> state, Coro<T> coro, std::shared_ptr<LoopPort> port)
      : state_(std::move(state)), coro_(std::move(coro)), port_(std::move(port)) {}
  StartFromThread(StartFromThread&&) noexcept = default;
  StartFromThread& operator=(StartFromThread&&) = delete;
  ~StartFromThread() {
    if (state_) state_->cancel();
  }

  void operator()() {
    auto& loop = get_running_loop();
    const auto task = loop.create_task(std::move(coro_));
    auto link = std::make_shared<Link>(task.state().get());
    task.state()->add_done_callback(Finish(state_, link));
    state_->add_done_callback([state = std::weak_ptr(state_), port = std::move(port_), link] {
      const auto future = state.lock();
      if (!future || !future->cancelled()) return;
      port->post([link] {
        if (link->task) link->task->cancel();
      });
    });
    state_.reset();
  }

 private:
  // Used on the loop's thread only; null once the task has ended.
  struct Link {
    FutureBase* task;
  };

  class Finish {
   public:
    Finish(std::shared_ptr<State> state, std::shared_ptr<Link> link)
        : state_(std::move(state)), link_(std::move(link)) {}
    Finish(Finish&&) noexcept = default;
    Finish& operator=(Finish&&) = delete;
    ~Finish() {
      if (!state_) return;
      link_->task = nullptr;
      state_->cancel();  // unless it has its outcome
    }
    void operator()(FutureBase& done) {
      if (done.cancelled()) {
        state_->cancel();
      } else if (auto error = done.exception()) {
        state_->fail(std::move(error));
      } else {
        state_->succeed(static_cast<FutureState<T>&>(done).take_result());
      }
    }

   private:
    std::shared_ptr<State> state_;
    std::shared_ptr<Link> link_;
  };

  std::shared_ptr<State> state_;
  Coro<T> coro_;
  std::shared_ptr<LoopPort> port_;
};

// Makes `coro` a task of the loop, from any other thread (THR-01 to THR-03). Throws LoopError if the loop is
// closed; if it closes before the task has ended, the future is cancelled.
template <class T>
ThreadFuture<T> run_coroutine_threadsafe(Coro<T> coro, const std::shared_ptr<LoopPort>& port,
                                         std::source_location where = std::source_location::current()) {
  auto state = std::make_shared<ThreadFutureState<T>>();
  port->call_soon_threadsafe(StartFromThread<T>(state, std::move(coro), port), where);
  return ThreadFuture<T>(std::move(state));
}

}  // namespace evloop
