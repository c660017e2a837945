#include "control/drain_report.h"

#include <utility>

#include "control/translate.h"
#include "evloopd/control/v1/loop_service.pb.h"
#include "evloopd/control/v1/workload_service.pb.h"

namespace evloopd::control {
namespace {

constexpr std::chrono::milliseconds shortest_interval{100};
constexpr std::chrono::seconds longest_interval{1};

v1::DrainOutcome outcome_of(const host::LoopSnapshot& loop) {
  if (loop.is_running) return v1::DRAIN_OUTCOME_STARTED;
  if (loop.drain && loop.drain->connections_cut > 0) return v1::DRAIN_OUTCOME_TIMEOUT;
  return loop.connections > 0 ? v1::DRAIN_OUTCOME_STOPPED : v1::DRAIN_OUTCOME_DRAINED;
}

v1::WorkloadDrainOutcome outcome_of(const host::WorkloadDrainSnapshot& drain) {
  return drain.connections_cut > 0 ? v1::WORKLOAD_DRAIN_OUTCOME_TIMEOUT : v1::WORKLOAD_DRAIN_OUTCOME_DRAINED;
}

}  // namespace

template <class Snapshot, class Progress>
ProgressReport<Snapshot, Progress>::ProgressReport(Send send) : send_(std::move(send)) {}

template <class Snapshot, class Progress>
void ProgressReport<Snapshot, Progress>::tell(const Snapshot& snapshot, Time now) {
  if (gone_) return;
  Progress progress;
  translate(snapshot, progress);
  auto text = progress.SerializeAsString();
  const auto interval = text == told_ ? std::chrono::milliseconds(longest_interval) : shortest_interval;
  if (told_at_ && now - *told_at_ < interval) return;
  translate(snapshot.snapshot_time, *progress.mutable_snapshot_time());
  gone_ = !send_(progress);
  told_ = std::move(text);
  told_at_ = now;
}

template <class Snapshot, class Progress>
void ProgressReport<Snapshot, Progress>::finish(const Snapshot& snapshot) {
  if (gone_) return;
  Progress progress;
  translate(snapshot, progress);
  translate(snapshot.snapshot_time, *progress.mutable_snapshot_time());
  progress.set_outcome(outcome_of(snapshot));
  send_(progress);
}

template class ProgressReport<host::LoopSnapshot, v1::DrainProgress>;
template class ProgressReport<host::WorkloadDrainSnapshot, v1::WorkloadDrainProgress>;

}  // namespace evloopd::control
