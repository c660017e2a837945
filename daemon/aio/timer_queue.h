#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "aio/handle.h"
#include "base/clock.h"

namespace evloop {

class ReadyQueue;
class DurationHistogram;

// Timers by deadline, those of one instant in order of creation (SCHED-11). Cancelled ones stay until
// they surface, or until they are more than half of over a hundred (LIFE-11): cancelling is a flag.
// A four-way heap whose entries carry the deadline, so that a sift touches no timer. Loop thread only.
class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue() { clear(); }

  void push(TimerCall& timer);

  // Drops cancelled timers: those at the head, or all when they are too many.
  void prune();
  // The first deadline. After prune() it is a live timer's.
  [[nodiscard]] std::optional<TimePoint> first() const noexcept;
  // Queues the timers due before `now + resolution`, in order, and notes how late they are; answers how many.
  std::size_t move_due(ReadyQueue& ready, TimePoint now, Duration resolution, DurationHistogram& lateness);
  void clear() noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  [[nodiscard]] std::size_t cancelled() const noexcept { return cancelled_; }

 private:
  friend class TimerCall;
  struct Entry {
    TimePoint when;
    std::uint64_t serial;
    TimerCall* timer;
    [[nodiscard]] bool before(const Entry& other) const noexcept {
      return when < other.when || (when == other.when && serial < other.serial);
    }
  };

  void sift_up(std::size_t index) noexcept;
  void sift_down(std::size_t index) noexcept;
  TimerCall* pop() noexcept;  // hands the heap's reference over

  std::vector<Entry> heap_;
  std::uint64_t next_serial_ = 0;
  std::size_t cancelled_ = 0;
};

}  // namespace evloop
