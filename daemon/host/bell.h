#pragma once

#include <atomic>

#include "base/unique_fd.h"
#include "host/snapshots.h"

namespace evloopd::host {

// Wakes one thread that has lain down to rest, when there is something to do again. To ring costs one relaxed read as
// long as that thread is up.
class Bell {
 public:
  Bell();  // throws std::system_error

  // Any thread: ends a rest.
  void ring() noexcept {
    if (resting_.load(std::memory_order_relaxed)) wake();
  }
  // Any thread: ends a rest or a pause, also one that only begins.
  void wake() noexcept;

  // The one thread. A ring in the moment in which it lies down may be missed: let no rest be longer than that may cost.
  void rest(Nanos longest) noexcept;
  // Is not ended by a ring.
  void pause(Nanos longest) noexcept;

 private:
  const evloop::UniqueFd fd_;
  std::atomic<bool> resting_{false};
};

}  // namespace evloopd::host
