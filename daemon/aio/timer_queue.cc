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
  heap_.push_back({timer.when(), next_serial_++, &timer});
  timer.add_ref();
  timer.queue_ = this;
  sift_up(heap_.size() - 1);
}

void TimerQueue::prune() {
  if (cancelled_ == 0) return;
  if (heap_.size() > least_for_bulk_pruning && cancelled_ * 2 > heap_.size()) {
    std::size_t kept = 0;
    for (auto& entry : heap_) {
      if (entry.timer->cancelled()) {
        entry.timer->queue_ = nullptr;
        entry.timer->release();
      } else {
        heap_[kept++] = entry;
      }
    }
    heap_.resize(kept);
    cancelled_ = 0;
    if (kept > 1)
      for (auto i = (kept - 2) / arity + 1; i-- > 0;) sift_down(i);
    return;
  }
  while (!heap_.empty() && heap_.front().timer->cancelled()) {
    --cancelled_;
    pop()->release();
  }
}

std::optional<TimePoint> TimerQueue::first() const noexcept {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().when;
}

std::size_t TimerQueue::move_due(ReadyQueue& ready, TimePoint now, Duration resolution, DurationHistogram& lateness) {
  std::size_t moved = 0;
  while (!heap_.empty() && heap_.front().when < now + resolution) {
    const auto& head = heap_.front();
    if (head.timer->cancelled()) {
      --cancelled_;
    } else {
      lateness.add(CycleClock::from_nanos(std::max(now - head.when, Duration::zero())));
    }
    ready.push(pop());
    ++moved;
  }
  return moved;
}

void TimerQueue::clear() noexcept {
  // What a timer captured may cancel another one while it is destroyed.
  auto dropped = std::exchange(heap_, {});
  cancelled_ = 0;
  for (auto& entry : dropped) entry.timer->queue_ = nullptr;
  for (auto& entry : dropped) entry.timer->release();
}

TimerCall* TimerQueue::pop() noexcept {
  auto* timer = heap_.front().timer;
  timer->queue_ = nullptr;
  heap_.front() = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) sift_down(0);
  return timer;
}

void TimerQueue::sift_up(std::size_t index) noexcept {
  const Entry moving = heap_[index];
  while (index > 0) {
    const auto parent = (index - 1) / arity;
    if (!moving.before(heap_[parent])) break;
    heap_[index] = heap_[parent];
    index = parent;
  }
  heap_[index] = moving;
}

void TimerQueue::sift_down(std::size_t index) noexcept {
  const Entry moving = heap_[index];
  for (;;) {
    const auto child = index * arity + 1;
    if (child >= heap_.size()) break;
    auto least = child;
    const auto end = std::min(child + arity, heap_.size());
    for (auto i = child + 1; i < end; ++i)
      if (heap_[i].before(heap_[least])) least = i;
    if (!heap_[least].before(moving)) break;
    heap_[index] = heap_[least];
    index = least;
  }
  heap_[index] = moving;
}

}  // namespace evloop
