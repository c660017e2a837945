#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "aio/handle.h"
#include "base/clock.h"

namespace evloop {

class ReadyQueue;
class DurationHistogram;

// Timers by deadline, those of one instant in order of creation (SCHED-11). A cancelled timer is let go at
// once, and its entry stays until it surfaces, or until such entries are more than half of over a hundred
// (LIFE-11): arming and cancelling, what most timers see, sifts next to nothing.
//
// A four-way heap whose entries carry the deadline, so that a sift touches no timer. Loop thread only.
class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue() { clear(); }

  void push(TimerCall& timer);
  // Of a timer that was put in here; gives up its reference, if it is still there.
  void cancel(TimerCall& timer) noexcept;

  // Drops entries of cancelled timers: those at the head, or all when they are too many.
  void prune() {
    if (cancelled_ > 0) [[unlikely]]
      prune_cancelled();
  }
  // The first deadline. After prune() it is a live timer's.
  [[nodiscard]] std::optional<TimePoint> first() const noexcept;
  // Queues the timers due before `now + resolution`, in order, and notes how late they are; answers how many.
  std::size_t move_due(ReadyQueue& ready, TimePoint now, Duration resolution, DurationHistogram& lateness);
  void clear() noexcept;

  // Entries, and those of them that are cancelled.
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  [[nodiscard]] std::size_t cancelled() const noexcept { return cancelled_; }

 private:
  using Slot = std::uint32_t;
  struct Entry {
    TimePoint when;
    std::uint64_t serial;
    Slot slot;
    // Without branches: which of four children is the least is anybody's guess.
    [[nodiscard]] bool before(const Entry& other) const noexcept {
      return static_cast<bool>(static_cast<int>(when < other.when) |
                               (static_cast<int>(when == other.when) & static_cast<int>(serial < other.serial)));
    }
  };

  void sift_up(const Entry& moving, std::size_t position) noexcept;
  void sift_down(std::size_t position) noexcept;
  void pop() noexcept;
  [[nodiscard]] std::size_t least_child(std::size_t first) const noexcept;
  void prune_cancelled();

  std::vector<Entry> heap_;
  std::vector<TimerCall*> timers_;  // by slot; null: cancelled, or free
  std::vector<Slot> free_slots_;    // with room for all
  std::uint64_t next_serial_ = 0;
  std::size_t cancelled_ = 0;
};

}  // namespace evloop
