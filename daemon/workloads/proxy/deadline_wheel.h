#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "aio/event_loop.h"
#include "workloads/linked_list.h"

namespace evloopd::workloads {

// Coarse deadlines of very many things that hardly ever reach one: joining, moving and leaving are a few stores, and
// all share one timer, which runs only while there is something in. Things that are due soon are looked at in their
// tick; those further ahead at the latest after a turn of the wheel. Loop thread only.
class DeadlineWheel {
 public:
  class Entry : public LinkedList<Entry>::Hook {
   public:
    // Some of its time has passed, and perhaps not yet all. It is out of the wheel, and may join again.
    virtual void look() = 0;

   protected:
    ~Entry() = default;

   private:
    friend class DeadlineWheel;
    static constexpr std::uint8_t nowhere = 0xff;
    std::uint8_t slot_ = nowhere;
  };

  // `tick` is how late look() may be.
  DeadlineWheel(evloop::EventLoop& loop, evloop::Duration tick) noexcept
      : loop_(loop), tick_(tick), armed_for_(never) {}
  ~DeadlineWheel() { timer_.cancel(); }
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;

  // To be looked at once `after` has passed, instead of when it was before.
  void join(Entry& entry, evloop::Duration after);
  void leave(Entry& entry) noexcept;

 private:
  using Tick = std::int64_t;
  static constexpr std::size_t slots = 64;
  static constexpr Tick never = INT64_MAX;

  [[nodiscard]] Tick now() const noexcept { return loop_.time().time_since_epoch() / tick_; }
  void arm(Tick tick);
  void turn();

  evloop::EventLoop& loop_;
  const evloop::Duration tick_;
  std::array<LinkedList<Entry>, slots> lists_;
  Tick turned_to_ = 0;  // ticks up to this one have been looked at
  Tick armed_for_;
  evloop::TimerHandle timer_;
};

}  // namespace evloopd::workloads
