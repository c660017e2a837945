#include "host/snapshots.h"

namespace evloopd::host {

WallTime on_the_wall(std::chrono::steady_clock::time_point time) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(time - std::chrono::steady_clock::now());
}

const char* state_name(LoopState state) noexcept {
  switch (state) {
    case LoopState::created: return "CREATED";
    case LoopState::starting: return "STARTING";
    case LoopState::running: return "RUNNING";
    case LoopState::draining: return "DRAINING";
    case LoopState::stopping: return "STOPPING";
    case LoopState::stopped: return "STOPPED";
    case LoopState::closing: return "CLOSING";
    case LoopState::closed: return "CLOSED";
    case LoopState::failed: return "FAILED";
    case LoopState::quarantined: return "QUARANTINED";
  }
  return "STATE_UNSPECIFIED";
}

const char* task_state_name(TaskState state) noexcept {
  switch (state) {
    case TaskState::runnable: return "RUNNABLE";
    case TaskState::running: return "RUNNING";
    case TaskState::waiting: return "WAITING";
    case TaskState::done: return "DONE";
    case TaskState::failed: return "FAILED";
    case TaskState::cancelled: return "CANCELLED";
  }
  return "STATE_UNSPECIFIED";
}

const char* upstream_state_name(UpstreamState state) noexcept {
  switch (state) {
    case UpstreamState::up: return "UP";
    case UpstreamState::ejected: return "EJECTED";
    case UpstreamState::down: return "DOWN";
    case UpstreamState::draining: return "DRAINING";
  }
  return "STATE_UNSPECIFIED";
}

}  // namespace evloopd::host
