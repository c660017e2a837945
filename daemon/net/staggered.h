#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "aio/event.h"
#include "aio/event_loop.h"
#include "aio/settled.h"
#include "aio/timeout.h"
#include "aio/wait.h"

namespace evloop {

// How a race ended: the winner's value and place, and for each attempt that was started what it threw (null for the
// winner) (CONN-14).
template <class T>
struct RaceResult {
  std::optional<T> value;
  std::optional<std::size_t> winner;
  std::vector<std::exception_ptr> errors;
};

// Runs one race of attempts. Lives in the frame of staggered_race().
template <class T>
class StaggeredRace {
 public:
  using Attempt = std::function<Coro<T>()>;

  StaggeredRace(EventLoop& loop, std::vector<Attempt> attempts, std::optional<Duration> delay)
      : loop_(loop), attempts_(std::move(attempts)), delay_(delay) {}

  Coro<RaceResult<T>> run() {
    std::exception_ptr interrupted;
    for (std::size_t next = 0; next < attempts_.size() && !result_.winner && !interrupted; ++next) {
      result_.errors.emplace_back();
      tasks_.push_back(loop_.create_task(attempt(next)));
      tasks_.back().base().set_quiet();
      const bool last = next + 1 == attempts_.size();
      const auto waited = co_await settled(wait_for(ended(next), last ? std::nullopt : delay_));
      if (!waited.has_value() && !holds<TimeoutError>(waited.error())) interrupted = waited.error();
    }
    // The earlier attempts go on after the last one has failed.
    while (!result_.winner && running() && !interrupted) {
      progress_.clear();
      const auto waited = co_await settled(progress_.wait());
      if (!waited.has_value()) interrupted = waited.error();
    }
    // No task is left behind, whatever happens (CONN-13, CONN-15): they use this object.
    for (const auto& task : tasks_) task.cancel(cancel_message(interrupted));
    while (running()) {
      const auto waited = co_await settled(wait(futures_of(tasks_)));
      if (!waited.has_value()) interrupted = waited.error();
    }
    if (interrupted) std::rethrow_exception(interrupted);
    co_return std::move(result_);
  }

 private:
  // Attempt `index` has failed, or there is a winner.
  Coro<void> ended(std::size_t index) {
    while (!result_.winner && !result_.errors[index]) {
      progress_.clear();
      co_await progress_.wait();
    }
  }

  Coro<void> attempt(std::size_t index) {
    auto outcome = co_await settled(attempts_[index]());
    if (outcome.has_value() && !result_.winner) {
      result_.winner = index;
      result_.value.emplace(std::move(outcome).take());
      for (std::size_t other = 0; other < tasks_.size(); ++other)
        if (other != index) tasks_[other].cancel();
    } else {
      result_.errors[index] = outcome.error();
    }
    progress_.set();
    if (holds<Fatal>(outcome.error())) std::rethrow_exception(outcome.error());
  }

  [[nodiscard]] bool running() const {
    return std::ranges::any_of(tasks_, [](const auto& task) { return !task.done(); });
  }

  static std::optional<std::string> cancel_message(const std::exception_ptr& error) {
    if (!error) return std::nullopt;
    try {
      std::rethrow_exception(error);
    } catch (const CancelledError& cancelled) {
      return cancelled.message;
    } catch (...) {
      return std::nullopt;
    }
  }

  EventLoop& loop_;
  const std::vector<Attempt> attempts_;
  const std::optional<Duration> delay_;
  RaceResult<T> result_;
  std::vector<Task<void>> tasks_;
  Event progress_;
};

// asyncio's staggered_race: starts the next attempt when the last one fails or has taken `delay` (nullopt: only when it
// fails); the first success wins, and the others are cancelled and waited for (CONN-12). Throws only if it is
// cancelled.
template <class T>
Coro<RaceResult<T>> staggered_race(EventLoop& loop, std::vector<std::function<Coro<T>()>> attempts,
                                   std::optional<Duration> delay) {
  StaggeredRace<T> race(loop, std::move(attempts), delay);
  co_return co_await race.run();
}

}  // namespace evloop
