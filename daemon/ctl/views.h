#pragma once

#include <string>
#include <vector>

#include "ctl/table.h"
#include "evloopd/control/v1/daemon_service.pb.h"
#include "evloopd/control/v1/loop.pb.h"
#include "evloopd/control/v1/loop_service.pb.h"
#include "evloopd/control/v1/task.pb.h"
#include "evloopd/control/v1/workload_service.pb.h"

// Messages as people read them. Pure functions.
namespace evloopd::ctl {

namespace v1 = ::evloopd::control::v1;

// A task and the loop it is on.
struct LoopTask {
  std::string loop;
  v1::Task task;
};

[[nodiscard]] Table loops_table(const std::vector<v1::Loop>& loops, bool wide);
[[nodiscard]] Table tasks_table(const std::vector<LoopTask>& tasks, bool wide);
[[nodiscard]] Table workloads_table(const std::vector<v1::Workload>& workloads, bool wide);

// One line for each address; of a workload that has upstreams.
[[nodiscard]] Table upstreams_table(const v1::Workload& workload, bool wide);

// "io-0  DRAINING  3 connections and 5 tasks left, cut in 12s"
[[nodiscard]] std::string drain_line(const v1::DrainProgress& progress);
[[nodiscard]] std::string drain_line(const v1::WorkloadDrainProgress& progress);

[[nodiscard]] std::string describe(const v1::Loop& loop);
[[nodiscard]] std::string describe(const v1::Workload& workload);
[[nodiscard]] std::string describe(const v1::Daemon& daemon, const std::vector<v1::Loop>& loops);

}  // namespace evloopd::ctl
