#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "aio/event_loop.h"
#include "host/snapshots.h"
#include "workloads/checks/checker.h"
#include "workloads/checks/rise_and_fall.h"
#include "workloads/probe/options.h"

namespace evloopd::workloads {

// When and why a target went up or down.
struct ProbeChange {
  host::WallTime time{};
  bool up = false;
  std::string reason{};
};

// How a target is.
struct ProbeSnapshot {
  bool known = false;  // it was probed
  bool up = false;
  int against = 0;  // results in a row that speak against that
  std::string said{};
  evloop::Duration took{};
  host::WallTime time{};  // of the last result
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
  std::deque<ProbeChange> history{};  // the last one last: since when it is as it is
};

// One thing that is probed, and what is known of it. Any thread.
class ProbeTarget {
 public:
  static constexpr std::size_t history_length = 16;

  // Throws ValueError for an address that is none, and what Checker throws.
  explicit ProbeTarget(ProbeTargetOptions options);

  [[nodiscard]] const ProbeTargetOptions& options() const noexcept { return options_; }
  // Once, as Checker::run() does it.
  evloop::Coro<std::string> probe() const { return checker_.run(target_); }
  // A probe has ended. Answers what that has changed, if it has.
  std::optional<ProbeChange> probed(bool passed, std::string said, evloop::Duration took);
  // From the beginning of one probe to that of the next, without jitter: the one for failing from the first failure
  // until it is up and has passed.
  [[nodiscard]] evloop::Duration interval() const;
  [[nodiscard]] ProbeSnapshot snapshot() const;

 private:
  const ProbeTargetOptions options_;
  const CheckTarget target_;
  const Checker checker_;

  mutable std::mutex mutex_;
  RiseAndFall state_;    // guarded by mutex_
  ProbeSnapshot known_;  // guarded by mutex_; what the state says is filled in when it is read
};

}  // namespace evloopd::workloads
