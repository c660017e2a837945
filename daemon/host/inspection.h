#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/loop_port.h"
#include "host/snapshots.h"

// From what a loop publishes to the snapshots that others get. Any thread, also while the loop is blocked.
namespace evloopd::host {

[[nodiscard]] LoopCounters read_counters(const evloop::LoopPort& port);
[[nodiscard]] HistogramSnapshot read_histogram(const evloop::DurationHistogram& histogram);
[[nodiscard]] std::vector<TaskSnapshot> read_tasks(const evloop::LoopPort& port);

// What the loop executes now; nothing while it sleeps.
[[nodiscard]] std::optional<CurrentCallback> read_current(const evloop::LoopPort& port);
// How long a record has been as it is.
[[nodiscard]] Nanos time_since(evloop::CycleClock::Stamp stamp);

[[nodiscard]] std::string place(const Site& site);                   // "img/scale.cc:97"
[[nodiscard]] std::string describe(const CurrentCallback& current);  // task 17 "x" at img/scale.cc:97 for 7.100 s

}  // namespace evloopd::host
