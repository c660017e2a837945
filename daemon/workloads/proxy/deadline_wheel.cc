#include "workloads/proxy/deadline_wheel.h"

#include <algorithm>

namespace evloopd::workloads {

void DeadlineWheel::join(Entry& entry, evloop::Duration after) {
  leave(entry);
  const auto time = loop_.time().time_since_epoch();
  const auto due = time + std::min<evloop::Duration>(after, tick_ * slots);
  const Tick present = time / tick_;
  // Nothing is in before the tick that the timer runs for. What lies ahead is less than a turn of the wheel, also when
  // the timer is late.
  turned_to_ = std::max(turned_to_, std::min(present, armed_for_ - 1));
  const auto last = turned_to_ + static_cast<Tick>(slots) - 1;
  const auto tick = std::min(std::max<Tick>(present + 1, (due + tick_ - evloop::Duration(1)) / tick_), last);
  const auto slot = static_cast<std::size_t>(tick) % slots;
  entry.slot_ = static_cast<std::uint8_t>(slot);
  lists_[slot].push_back(entry);
  if (tick < armed_for_) arm(tick);
}

void DeadlineWheel::leave(Entry& entry) noexcept {
  if (entry.slot_ == Entry::nowhere) return;
  lists_[entry.slot_].remove(entry);
  entry.slot_ = Entry::nowhere;
}

void DeadlineWheel::arm(Tick tick) {
  timer_.cancel();
  armed_for_ = tick;
  timer_ = loop_.call_at(evloop::TimePoint(tick * tick_), [this] { turn(); });
}

void DeadlineWheel::turn() {
  armed_for_ = never;
  const auto present = now();
  const auto first = turned_to_ + 1;
  turned_to_ = present;
  const auto last = std::min(present, first + static_cast<Tick>(slots) - 1);
  for (auto tick = first; tick <= last; ++tick) {
    auto& list = lists_[static_cast<std::size_t>(tick) % slots];
    // Who joins again goes to a later tick: at most to this list, when all of it is done.
    for (auto left = list.size(); left > 0 && !list.empty(); --left) {
      auto& entry = *list.front();
      leave(entry);
      entry.look();
    }
  }
  for (auto tick = present + 1; tick < present + static_cast<Tick>(slots); ++tick) {
    if (lists_[static_cast<std::size_t>(tick) % slots].empty()) continue;
    if (tick < armed_for_) arm(tick);
    return;
  }
}

}  // namespace evloopd::workloads
