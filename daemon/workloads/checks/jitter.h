#pragma once

#include <random>

#include "base/clock.h"

namespace evloopd::workloads {

// An interval that is up to so many percent shorter or longer, so that checks of many loops and daemons do not come all
// at once.
inline evloop::Duration jittered(evloop::Duration interval, int percent, std::minstd_rand& random) {
  const auto most = interval * percent / 100;
  return interval +
         evloop::Duration(std::uniform_int_distribution<evloop::Duration::rep>(-most.count(), most.count())(random));
}

}  // namespace evloopd::workloads
