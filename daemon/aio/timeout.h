#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "aio/event_loop.h"
#include "aio/settled.h"

namespace evloop {

// Bounds a block of a task in time: when it expires it cancels the task, once, and turns the
// CancelledError that leaves the block into a TimeoutError (TMO-01 to TMO-09). Used through
// with_timeout(). Loop thread only.
class Timeout {
 public:
  // nullopt: never.
  explicit Timeout(std::optional<TimePoint> when) noexcept : when_(when) {}
  Timeout(const Timeout&) = delete;
  Timeout& operator=(const Timeout&) = delete;
  ~Timeout() { timer_.cancel(); }

  [[nodiscard]] std::optional<TimePoint> when() const noexcept { return when_; }
  // While the block runs, from any task of the loop. Throws LoopError at other times.
  void reschedule(std::optional<TimePoint> when);
  // It has cancelled the task.
  [[nodiscard]] bool expired() const noexcept { return state_ == State::expiring || state_ == State::expired; }

  // The ends of the block. exit() answers what leaves it in place of `error` (null: nothing).
  void enter();
  [[nodiscard]] std::exception_ptr exit(std::exception_ptr error);

 private:
  enum class State : std::uint8_t { created, active, expiring, expired, finished };

  void expire();

  std::optional<TimePoint> when_;
  State state_ = State::created;
  Handle timer_;
  FutureRef task_;  // whose block it is; set by enter()
  std::uint32_t cancelling_ = 0;
};

// Runs the coroutine function `body`, called with the Timeout, in the calling task, bounded by `timeout`.
template <class F>
auto within(Timeout& timeout, F body) -> Coro<typename std::invoke_result_t<F&, Timeout&>::Value> {
  timeout.enter();
  auto outcome = co_await settled(body(timeout));
  if (auto error = timeout.exit(outcome.error())) std::rethrow_exception(std::move(error));
  co_return std::move(outcome).take();
}
template <class F>
auto with_timeout_at(std::optional<TimePoint> when, F body)
    -> Coro<typename std::invoke_result_t<F&, Timeout&>::Value> {
  Timeout timeout(when);
  co_return co_await within(timeout, std::move(body));
}
template <class F>
auto with_timeout(std::optional<Duration> delay, F body) -> Coro<typename std::invoke_result_t<F&, Timeout&>::Value> {
  Timeout timeout(delay ? std::optional(get_running_loop().deadline_after(*delay)) : std::nullopt);
  co_return co_await within(timeout, std::move(body));
}

// Cancels `future` and waits until it has really ended. The wait itself can be cancelled.
Coro<void> cancel_and_wait(FutureRef future);

// Awaits `future`, for `timeout` at most (nullopt: without limit); then it is cancelled and waited for,
// and TimeoutError is thrown, unless it ended otherwise (TMO-10 to TMO-14).
template <class T>
Coro<T> wait_for(Future<T> future, std::optional<Duration> timeout) {
  if (timeout && *timeout <= Duration::zero()) {
    if (future.done()) co_return future.state()->take_result_as();
    co_await cancel_and_wait(FutureRef(future.state().get()));
    try {
      co_return future.state()->take_result_as();
    } catch (const CancelledError&) {
      throw TimeoutError();
    }
  }
  Timeout bound(timeout ? std::optional(get_running_loop().deadline_after(*timeout)) : std::nullopt);
  bound.enter();
  auto outcome = co_await settled(std::move(future));
  if (auto error = bound.exit(outcome.error())) std::rethrow_exception(std::move(error));
  co_return std::move(outcome).take();
}
// A coroutine runs in the calling task.
template <class T>
Coro<T> wait_for(Coro<T> coro, std::optional<Duration> timeout) {
  if (timeout && *timeout <= Duration::zero())
    co_return co_await wait_for(Future<T>(get_running_loop().create_task(std::move(coro))), timeout);
  Timeout bound(timeout ? std::optional(get_running_loop().deadline_after(*timeout)) : std::nullopt);
  bound.enter();
  auto outcome = co_await settled(std::move(coro));
  if (auto error = bound.exit(outcome.error())) std::rethrow_exception(std::move(error));
  co_return std::move(outcome).take();
}
template <Operation A>
auto wait_for(A operation, std::optional<Duration> timeout) -> Coro<typename A::Value> {
  return wait_for(as_coro(std::move(operation)), timeout);
}

}  // namespace evloop
