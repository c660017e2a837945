#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "aio/gather.h"
#include "aio/queue.h"
#include "aio/settled.h"

namespace evloop {

// Futures in the order in which they end (COMB-13, COMB-14):
//
//   auto arrivals = as_completed(std::move(tasks), 5s);
//   while (auto done = co_await arrivals.anext()) use(done->result());
//
// Nothing is cancelled, not at the timeout either. Copies go on together. Loop thread only.
template <class T>
class AsCompleted {
 public:
  AsCompleted(std::vector<Future<T>> futures, std::optional<Duration> timeout) : state_(std::make_shared<State>()) {
    for (auto& future : futures) {
      if (state_->waits_for(future)) continue;  // twice the same one counts once
      state_->todo.push_back(std::move(future));
    }
    state_->left = state_->todo.size();
    for (const auto& future : state_->todo) future.state()->add_done_callback(Ended{state_});
    if (timeout && state_->left > 0)
      state_->timer = get_running_loop().call_later(*timeout, [weak = std::weak_ptr(state_)] {
        if (const auto state = weak.lock()) state->timed_out();
      });
  }

  // The next future that has ended; nothing when all have been answered. Throws TimeoutError for each that had
  // not ended in time. A wait that is cancelled loses nothing.
  Coro<std::optional<Future<T>>> anext() {
    const auto state = state_;
    if (state->left == 0) co_return std::nullopt;
    --state->left;
    auto next = co_await settled(state->arrivals.get());
    if (!next) {
      ++state->left;
      std::rethrow_exception(next.error());
    }
    if (!next.value()) throw TimeoutError();
    co_return std::move(next.value());
  }

 private:
  struct State {
    FutureRef owner = owner_task();
    Queue<Future<T>> arrivals;  // an empty future stands for one that came too late
    std::vector<Future<T>> todo;
    std::size_t left = 0;  // to be asked for
    TimerHandle timer;

    ~State() { timer.cancel(); }

    [[nodiscard]] bool waits_for(const Future<T>& future) const {
      return std::ranges::find(todo, future) != todo.end();
    }
    void ended(Future<T> future) {
      if (std::erase(todo, future) == 0) return;  // the timeout was first
      arrivals.put_nowait(std::move(future));
      if (todo.empty()) timer.cancel();
    }
    void timed_out() {
      for (auto missing = std::exchange(todo, {}).size(); missing > 0; --missing) arrivals.put_nowait(Future<T>());
    }
  };

  // One of the futures has ended: told to whoever still asks.
  struct Ended {
    std::weak_ptr<State> weak;

    void operator()(FutureBase& done) const {
      if (const auto state = weak.lock())
        state->ended(Future<T>(Ref<FutureState<T>>(static_cast<FutureState<T>*>(&done))));
    }
    [[nodiscard]] FutureBase* awaiter() const noexcept {
      const auto state = weak.lock();
      return state ? state->owner.get() : nullptr;
    }
  };

  // Who made it counts as waiting for the futures; none outside of tasks.
  static FutureRef owner_task() {
    const auto* loop = running_loop_or_null();
    auto* task = loop ? loop->current_task() : nullptr;
    return task ? FutureRef(&task->future()) : FutureRef();
  }

  std::shared_ptr<State> state_;
};

// Coroutines become tasks.
template <class A>
auto as_completed(std::vector<A> children, std::optional<Duration> timeout = std::nullopt)
    -> AsCompleted<typename FutureOf<A>::Value> {
  return AsCompleted<typename FutureOf<A>::Value>(ensure_futures(std::move(children)), timeout);
}

}  // namespace evloop
