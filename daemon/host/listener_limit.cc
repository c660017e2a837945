#include "host/listener_limit.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "host/listener_place.h"

namespace evloopd::host {
namespace {

// At high rates several turns gather meanwhile, so that not each of them takes a timer.
constexpr evloop::Duration shortest_wait = std::chrono::milliseconds(1);

}  // namespace

void ListenerLimit::set(ListenerLimits limits) noexcept {
  const std::lock_guard lock(mutex_);
  limits_.store(pack(limits), std::memory_order_seq_cst);
  for (const auto& [waiter, for_place] : waiting_) waiter->wake();
  waiting_.clear();
  count_waiting();
}

evloop::Duration ListenerLimit::enter(evloop::TimePoint now) noexcept {
  const auto limits = unpack(limits_.load(std::memory_order_seq_cst));
  if (limits.accept_rate > 0)
    if (const auto wait = turns_.take(limits.accept_rate, now); wait > evloop::Duration::zero())
      return std::max(wait, shortest_wait);
  if (take_place(limits.max_connections)) return evloop::Duration::zero();
  if (limits.accept_rate > 0) turns_.give_back(limits.accept_rate);
  return until_woken;
}

bool ListenerLimit::take_place(std::size_t most) noexcept {
  auto open = open_.load(std::memory_order_seq_cst);
  do {
    if (most > 0 && open >= most) return false;
  } while (!open_.compare_exchange_weak(open, open + 1, std::memory_order_seq_cst));
  return true;
}

// Waiting is announced first and then tried again: who gives a place back afterwards sees the announcement, and who did
// so before is seen here. The seq_cst operations on the places and the announcement decide who sees whom.
evloop::Duration ListenerLimit::enter_or_wait(Waiter& waiter, evloop::TimePoint now) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back({.waiter = &waiter, .for_place = true});
  place_wanted_.store(true, std::memory_order_seq_cst);
  const auto wait = enter(now);
  if (wait == evloop::Duration::zero())
    waiting_.pop_back();
  else
    waiting_.back().for_place = wait == until_woken;
  count_waiting();
  if (wait > evloop::Duration::zero()) waits_.fetch_add(1, std::memory_order_relaxed);
  return wait;
}

void ListenerLimit::stayed_away() noexcept {
  // If the rate was changed meanwhile this is wrong by a turn or so.
  if (const auto rate = get().accept_rate; rate > 0) turns_.give_back(rate);
  left();
}

void ListenerLimit::left() noexcept {
  open_.fetch_sub(1, std::memory_order_seq_cst);
  if (place_wanted_.load(std::memory_order_seq_cst)) wake_for_place();
}

// All of them: the first loop may be stuck, or its clients may have gone.
void ListenerLimit::wake_for_place() noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [](const Waiting& each) {
    if (each.for_place) each.waiter->wake();
    return each.for_place;
  });
  count_waiting();
}

void ListenerLimit::forget(const Waiter& waiter) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [&](const Waiting& each) { return each.waiter == &waiter; });
  count_waiting();
}

void ListenerLimit::count_waiting() noexcept {
  waiters_.store(waiting_.size(), std::memory_order_relaxed);
  place_wanted_.store(std::ranges::any_of(waiting_, &Waiting::for_place), std::memory_order_seq_cst);
}

void ListenerPlace::leave() noexcept { std::exchange(limit_, nullptr)->left(); }

}  // namespace evloopd::host
