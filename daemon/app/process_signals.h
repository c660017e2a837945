#pragma once

#include <chrono>
#include <optional>

#include "base/unique_fd.h"

namespace evloopd::app {

// The signals that the daemon reacts to, read in the order of a queue instead of interrupting anything. They are
// blocked in this thread, and in those that it starts from now on; construct before any other thread. SIGPIPE is
// ignored: a write to a closed connection is an error like any other.
class ProcessSignals {
 public:
  ProcessSignals();  // throws std::system_error

  // The next signal: SIGTERM, SIGINT or SIGHUP; nothing if none came until `timeout` passed (nullopt: waits).
  [[nodiscard]] std::optional<int> next(std::optional<std::chrono::nanoseconds> timeout);

 private:
  evloop::UniqueFd fd_;
};

}  // namespace evloopd::app
