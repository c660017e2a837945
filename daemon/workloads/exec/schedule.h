#pragma once

#include <cstdint>

#include "base/clock.h"

namespace evloopd::workloads {

// When a program that runs at an interval is to run.
struct NextRun {
  evloop::TimePoint at;
  std::uint64_t skipped = 0;  // times that have passed meanwhile
};

// The first time that is not past `now`, of those that follow `last` at the interval.
[[nodiscard]] constexpr NextRun next_run(evloop::TimePoint last, evloop::Duration interval, evloop::TimePoint now) {
  const auto next = last + interval;
  if (next >= now) return {.at = next};
  const auto skipped = (now - next + interval - evloop::Duration(1)) / interval;
  return {.at = next + skipped * interval, .skipped = static_cast<std::uint64_t>(skipped)};
}

}  // namespace evloopd::workloads
