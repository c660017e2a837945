#include "aio/timer_queue.h"

#include <algorithm>
#include <utility>

#include "aio/ready_queue.h"
#include "aio/records.h"

namespace evloop {
namespace {

constexpr std::size_t arity = 4;
constexpr std::size_t least_for_bulk_pruning = 100;

}  // namespace

void TimerQueue::push(TimerCall& timer) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<Slot>(timers_.size()));
    timers_.push_back(nullptr);
    free_slots_.reserve(timers_.capacity());
  }
  heap_.emplace_back();
  const auto slot = free_slots_.back();
  free_slots_.pop_back();
  timers_[slot] = &timer;
  timer.add_ref();
  timer.queue_ = this;
  timer.slot_ = slot;
  sift_up({timer.when(), next_serial_++, slot}, heap_.size() - 1);
}

void TimerQueue::cancel(TimerCall& timer) noexcept {
  timer.queue_ = nullptr;
  // It is due, and waits to be run (LIFE-12); its slot may be another one's by now.
  if (timers_[timer.slot_] != &timer) return;
  timers_[timer.slot_] = nullptr;
  ++cancelled_;
  timer.release();
}

void TimerQueue::prune_cancelled() {
  if (heap_.size() > least_for_bulk_pruning && cancelled_ * 2 > heap_.size()) {
    std::erase_if(heap_, [this](const Entry& entry) {
      if (timers_[entry.slot]) return false;
      free_slots_.push_back(entry.slot);
      return true;
    });
    cancelled_ = 0;
    if (heap_.size() > 1)
      for (auto i = (heap_.size() - 2) / arity + 1; i-- > 0;) sift_down(i);
    return;
  }
  while (!heap_.empty() && !timers_[heap_.front().slot]) {
    --cancelled_;
    pop();
  }
}

std::optional<TimePoint> TimerQueue::first() const noexcept {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().when;
}

std::size_t TimerQueue::move_due(ReadyQueue& ready, TimePoint now, Duration resolution, DurationHistogram& lateness) {
  std::size_t moved = 0;
  const auto end = now + resolution;
  while (!heap_.empty() && heap_.front().when < end) {
    const auto& head = heap_.front();
    if (auto* timer = std::exchange(timers_[head.slot], nullptr)) {
      lateness.add(CycleClock::from_nanos(std::max(now - head.when, Duration::zero())));
      ready.push(timer);
      ++moved;
    } else {
      --cancelled_;
    }
    pop();
  }
  return moved;
}

void TimerQueue::clear() noexcept {
  // What a timer captured may cancel another one while it is destroyed.
  heap_.clear();
  free_slots_.clear();
  cancelled_ = 0;
  const auto timers = std::exchange(timers_, {});
  for (auto* timer : timers)
    if (timer) timer->queue_ = nullptr;
  for (auto* timer : timers)
    if (timer) timer->drop();
}

void TimerQueue::pop() noexcept {
  free_slots_.push_back(heap_.front().slot);
  const auto last = heap_.back();
  heap_.pop_back();
  if (heap_.empty()) return;
  // The last one belongs near the leaves: down along the least children all the way, then up again.
  std::size_t hole = 0;
  for (auto child = arity * hole + 1; child < heap_.size(); child = arity * hole + 1) {
    const auto least = least_child(child);
    heap_[hole] = heap_[least];
    hole = least;
  }
  sift_up(last, hole);
}

void TimerQueue::sift_up(const Entry& moving, std::size_t position) noexcept {
  while (position > 0) {
    const auto parent = (position - 1) / arity;
    if (!moving.before(heap_[parent])) break;
    heap_[position] = heap_[parent];
    position = parent;
  }
  heap_[position] = moving;
}

void TimerQueue::sift_down(std::size_t position) noexcept {
  const auto moving = heap_[position];
  for (auto child = arity * position + 1; child < heap_.size(); child = arity * position + 1) {
    const auto least = least_child(child);
    if (!heap_[least].before(moving)) break;
    heap_[position] = heap_[least];
    position = least;
  }
  heap_[position] = moving;
}

std::size_t TimerQueue::least_child(std::size_t first) const noexcept {
  auto least = first;
  const auto end = std::min(first + arity, heap_.size());
  for (auto i = first + 1; i < end; ++i) least = heap_[i].before(heap_[least]) ? i : least;
  return least;
}

}  // namespace evloop
