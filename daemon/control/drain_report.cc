#include "control/drain_report.h"

#include <utility>

#include "control/translate.h"
#include "evloopd/control/v1/loop_service.pb.h"

namespace evloopd::control {
namespace {

constexpr std::chrono::milliseconds shortest_interval{100};
constexpr std::chrono::seconds longest_interval{1};

v1::DrainOutcome outcome_of(const host::LoopSnapshot& loop) {
  if (loop.is_running) return v1::DRAIN_OUTCOME_STARTED;
  if (loop.drain && loop.drain->connections_cut > 0) return v1::DRAIN_OUTCOME_TIMEOUT;
  return loop.connections > 0 ? v1::DRAIN_OUTCOME_STOPPED : v1::DRAIN_OUTCOME_DRAINED;
}

}  // namespace

DrainReport::DrainReport(Send send) : send_(std::move(send)) {}

void DrainReport::tell(const host::LoopSnapshot& loop, Time now) {
  if (gone_) return;
  v1::DrainProgress progress;
  translate(loop, progress);
  auto text = progress.SerializeAsString();
  const auto interval = text == told_ ? std::chrono::milliseconds(longest_interval) : shortest_interval;
  if (told_at_ && now - *told_at_ < interval) return;
  translate(loop.snapshot_time, *progress.mutable_snapshot_time());
  gone_ = !send_(progress);
  told_ = std::move(text);
  told_at_ = now;
}

void DrainReport::finish(const host::LoopSnapshot& loop) {
  if (gone_) return;
  v1::DrainProgress progress;
  translate(loop, progress);
  translate(loop.snapshot_time, *progress.mutable_snapshot_time());
  progress.set_outcome(outcome_of(loop));
  send_(progress);
}

}  // namespace evloopd::control
