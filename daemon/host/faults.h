#pragma once

#include <chrono>

#include "host/fault_spec.h"
#include "host/host_error.h"
#include "host/snapshots.h"

namespace evloopd::host {

// How long faults that are set may last.
inline constexpr std::chrono::nanoseconds shortest_fault_ttl = std::chrono::seconds(1);
inline constexpr std::chrono::nanoseconds longest_fault_ttl = std::chrono::hours(24);

// The faults of one workload. New connections get what is in force when they have their upstream, those that are open
// stay as they are. Any thread; reads do not wait for a loop.
class Faults {
 public:
  // These take the place of the configured ones for `ttl`, and of what was set before. BAD_ARGUMENT, and nothing is
  // changed, for a value that is wrong.
  virtual HostResult<void> set(const FaultSpec& spec, std::chrono::nanoseconds ttl) = 0;
  // The configured ones are back at once.
  virtual void clear() = 0;
  [[nodiscard]] virtual FaultsSnapshot snapshot() const = 0;

 protected:
  ~Faults() = default;
};

}  // namespace evloopd::host
