#pragma once

#include <string_view>

#include "host/snapshots.h"

namespace evloopd::control::v1 {
class DrainProgress;
class FaultState;
class Histogram;
class Loop;
class Task;
class Workload;
class WorkloadDrainProgress;
}  // namespace evloopd::control::v1
namespace google::protobuf {
class Duration;
class Timestamp;
}  // namespace google::protobuf

// The host's snapshots as messages of the API. Values in, values out; any thread. `out` must be empty.
namespace evloopd::control {

void translate(const host::LoopSnapshot& loop, v1::Loop& out);
// How far a drain of it has come; without the time, and what comes of it.
void translate(const host::LoopSnapshot& loop, v1::DrainProgress& out);
void translate(const host::TaskSnapshot& task, std::string_view loop, v1::Task& out);
void translate(const host::WorkloadSnapshot& workload, v1::Workload& out);
// Without the time, and what comes of it.
void translate(const host::WorkloadDrainSnapshot& drain, v1::WorkloadDrainProgress& out);
void translate(const host::FaultsSnapshot& faults, v1::FaultState& out);
void translate(const host::HistogramSnapshot& histogram, v1::Histogram& out);
void translate(host::WallTime time, google::protobuf::Timestamp& out);
void translate(host::Nanos time, google::protobuf::Duration& out);

}  // namespace evloopd::control
