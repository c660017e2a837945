#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "host/snapshots.h"

namespace evloopd::control::v1 {
class DrainProgress;
}

namespace evloopd::control {

// Tells a caller how a drain goes: at once, at each change but not more often than every 100 ms, and at least every
// second. One thread.
class DrainReport {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Send = std::function<bool(const v1::DrainProgress&)>;  // false: the caller has gone

  static constexpr std::chrono::milliseconds pace{20};  // how often it wants to see the loop

  explicit DrainReport(Send send);

  void tell(const host::LoopSnapshot& loop, Time now);
  // The drain is over, and that is the loop it left.
  void finish(const host::LoopSnapshot& loop);

 private:
  const Send send_;
  bool gone_ = false;
  std::string told_;  // the last message, without its time
  std::optional<Time> told_at_;
};

}  // namespace evloopd::control
