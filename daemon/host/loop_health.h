#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aio/loop_port.h"
#include "base/log.h"
#include "host/life_cycle.h"
#include "host/loop_name.h"
#include "host/utilisation.h"

namespace evloopd::host {

// How a loop does, as seen from outside: its utilisation, its stalls, its conditions. The observer's thread
// looks, from published records only; any thread reads.
class LoopHealth {
 public:
  LoopHealth(std::shared_ptr<const LoopName> loop, std::shared_ptr<const evloop::LoopPort> port, Nanos stall_warn,
             Nanos stall_critical);

  // Samples the loop, and opens or closes a stall, with a line in the log. Whether the loop has run since the last
  // look.
  bool look(Utilisation::Time now);
  void set_state(LoopState state);
  // Whether the loop watches a listening socket.
  void set_accepting(bool accepting);

  // Fills in utilisation, stalls and conditions.
  void fill(LoopSnapshot& snapshot) const;
  // A callback has held the loop up for longer than the critical threshold.
  [[nodiscard]] bool is_stuck() const noexcept { return stuck_.load(std::memory_order_relaxed); }
  [[nodiscard]] Nanos stall_warn() const noexcept { return stall_warn_; }

 private:
  enum Type : std::size_t { ready, accepting, stalled, degraded, types };
  struct Line {
    evloop::LogLevel level;
    std::string text;
  };
  struct Stall {
    evloop::CycleClock::Stamp since = 0;  // of the callback, and of no other one
    std::string what;
    bool critical = false;
  };

  void look_for_stall();
  void look_for_errors(Utilisation::Time now);
  void close_stall();
  void update_ready();
  void update_accepting();
  void set(Type type, bool status, const char* reason);

  const std::shared_ptr<const LoopName> loop_;
  const std::shared_ptr<const evloop::LoopPort> port_;
  const Nanos stall_warn_;
  const Nanos stall_critical_;
  std::atomic<bool> stuck_{false};

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  Utilisation utilisation_;
  std::uint64_t iterations_ = 0;  // when it was looked at last
  std::optional<Stall> stall_;
  std::uint64_t stalls_ = 0;
  std::uint64_t exceptions_ = 0;
  Utilisation::Time last_exception_;
  LoopState state_ = LoopState::created;
  bool accepts_ = false;
  std::array<Condition, types> conditions_;
  std::vector<Line> lines_;  // to be logged outside the lock
};

}  // namespace evloopd::host
