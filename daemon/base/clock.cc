#include "base/clock.h"

namespace evloop {

SteadyClock& steady_clock() noexcept {
  static SteadyClock clock;
  return clock;
}

}  // namespace evloop
