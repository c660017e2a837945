#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "host/snapshots.h"

namespace evloopd::control::v1 {
class DrainProgress;
class WorkloadDrainProgress;
}  // namespace evloopd::control::v1

namespace evloopd::control {

// Tells a caller how something goes: at once, at each change but not more often than every 100 ms, and at least every
// second. One thread.
template <class Snapshot, class Progress>
class ProgressReport {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Send = std::function<bool(const Progress&)>;  // false: the caller has gone

  static constexpr std::chrono::milliseconds pace{20};  // how often it wants to see how it goes

  explicit ProgressReport(Send send);

  void tell(const Snapshot& snapshot, Time now);
  // It is over, and that is what it left.
  void finish(const Snapshot& snapshot);

 private:
  const Send send_;
  bool gone_ = false;
  std::string told_;  // the last message, without its time
  std::optional<Time> told_at_;
};

using DrainReport = ProgressReport<host::LoopSnapshot, v1::DrainProgress>;
using WorkloadDrainReport = ProgressReport<host::WorkloadDrainSnapshot, v1::WorkloadDrainProgress>;

}  // namespace evloopd::control
