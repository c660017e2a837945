#pragma once

#include <algorithm>
#include <random>

#include "base/clock.h"
#include "workloads/checks/jitter.h"
#include "workloads/exec/options.h"

namespace evloopd::workloads {

// How long a program that has ended waits until it is started again: twice as long each time, up to a limit, and as at
// the first time after it ran for long. 10 percent shorter or longer, so that many do not start all at once. One
// thread.
class Backoff {
 public:
  static constexpr int jitter = 10;

  explicit Backoff(const ExecProgramOptions& options, std::uint32_t seed)
      : first_(options.restart_delay),
        longest_(options.restart_delay_max),
        stable_after_(options.stable_after),
        random_(seed) {}

  // It has run for so long.
  [[nodiscard]] evloop::Duration next(evloop::Duration ran) {
    delay_ = ran >= stable_after_ || delay_ == evloop::Duration::zero() ? first_ : std::min(delay_ * 2, longest_);
    return jittered(delay_, jitter, random_);
  }

 private:
  const evloop::Duration first_;
  const evloop::Duration longest_;
  const evloop::Duration stable_after_;
  evloop::Duration delay_{};  // the last one, without jitter
  std::minstd_rand random_;
};

}  // namespace evloopd::workloads
