#include "control/translate.h"

#include <chrono>

#include "control/names.h"
#include "control/text.h"
#include "evloopd/control/v1/loop.pb.h"
#include "evloopd/control/v1/loop_service.pb.h"
#include "evloopd/control/v1/task.pb.h"

namespace evloopd::control {

void translate(host::Nanos time, google::protobuf::Duration& out) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  out.set_seconds(seconds.count());
  out.set_nanos(static_cast<std::int32_t>((time - seconds).count()));
}

namespace {

v1::LoopState translate(host::LoopState state) {
  switch (state) {
    case host::LoopState::created: return v1::LOOP_STATE_CREATED;
    case host::LoopState::starting: return v1::LOOP_STATE_STARTING;
    case host::LoopState::running: return v1::LOOP_STATE_RUNNING;
    case host::LoopState::draining: return v1::LOOP_STATE_DRAINING;
    case host::LoopState::stopping: return v1::LOOP_STATE_STOPPING;
    case host::LoopState::stopped: return v1::LOOP_STATE_STOPPED;
    case host::LoopState::closing: return v1::LOOP_STATE_CLOSING;
    case host::LoopState::closed: return v1::LOOP_STATE_CLOSED;
    case host::LoopState::failed: return v1::LOOP_STATE_FAILED;
    case host::LoopState::quarantined: return v1::LOOP_STATE_QUARANTINED;
  }
  return v1::LOOP_STATE_UNSPECIFIED;
}

v1::DrainStage drain_stage(const host::LoopSnapshot& loop) {
  switch (loop.state) {
    case host::LoopState::starting:
    case host::LoopState::running: return v1::DRAIN_STAGE_RUNNING;
    case host::LoopState::draining: return v1::DRAIN_STAGE_WAITING;
    case host::LoopState::stopping:
      return loop.drain && loop.drain->connections_cut > 0 ? v1::DRAIN_STAGE_CUTTING : v1::DRAIN_STAGE_STOPPING;
    default: return v1::DRAIN_STAGE_DONE;
  }
}

v1::TaskState translate(host::TaskState state) {
  switch (state) {
    case host::TaskState::runnable: return v1::TASK_STATE_RUNNABLE;
    case host::TaskState::running: return v1::TASK_STATE_RUNNING;
    case host::TaskState::waiting: return v1::TASK_STATE_WAITING;
    case host::TaskState::done: return v1::TASK_STATE_DONE;
    case host::TaskState::failed: return v1::TASK_STATE_FAILED;
    case host::TaskState::cancelled: return v1::TASK_STATE_CANCELLED;
  }
  return v1::TASK_STATE_UNSPECIFIED;
}

void translate(const host::Site& site, v1::Site& out) {
  out.set_file(site.file);
  out.set_function(site.function);
  out.set_line(site.line);
}

void translate(const host::Condition& condition, v1::Condition& out) {
  out.set_type(condition.type);
  out.set_status(condition.status);
  out.set_reason(condition.reason);
  control::translate(condition.since, *out.mutable_since());
}

void translate(const host::LoopCounters& counters, v1::LoopCounters& out) {
  out.set_iterations(counters.iterations);
  out.set_callbacks(counters.callbacks);
  out.set_events(counters.events);
  out.set_timers_fired(counters.timers_fired);
  out.set_threadsafe_calls(counters.threadsafe_calls);
  out.set_wakeups(counters.wakeups);
  out.set_tasks_created(counters.tasks_created);
  out.set_tasks_finished(counters.tasks_finished);
  out.set_tasks_failed(counters.tasks_failed);
  out.set_tasks_cancelled(counters.tasks_cancelled);
  out.set_exceptions(counters.exceptions);
  control::translate(counters.busy, *out.mutable_busy_time());
  control::translate(counters.idle, *out.mutable_idle_time());
  out.set_ready_length(counters.ready_length);
  out.set_timers_live(counters.timers_live);
  out.set_timers_cancelled(counters.timers_cancelled);
  out.set_watchers(counters.watchers);
  out.set_tasks_live(counters.tasks_live);
  out.set_threadsafe_queue(counters.threadsafe_queue);
}

void translate(const host::CurrentCallback& current, v1::CurrentCallback& out) {
  out.set_kind(current.kind);
  out.set_task_id(current.task_id);
  out.set_task_name(clean_text(current.task_name));
  translate(current.site, *out.mutable_site());
  control::translate(current.elapsed, *out.mutable_elapsed());
}

}  // namespace

void translate(host::WallTime time, google::protobuf::Timestamp& out) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);  // nanos count forwards, before 1970 too
  out.set_seconds(seconds.time_since_epoch().count());
  out.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(time - seconds).count()));
}

void translate(const host::HistogramSnapshot& histogram, v1::Histogram& out) {
  out.mutable_bounds()->Add(histogram.bounds.begin(), histogram.bounds.end());
  out.mutable_counts()->Add(histogram.buckets.begin(), histogram.buckets.end());
  out.set_sum(histogram.sum);
}

void translate(const host::LoopSnapshot& loop, v1::Loop& out) {
  out.set_name(loop_resource(loop.name));
  out.set_uid(loop.uid);
  out.mutable_labels()->insert(loop.labels.begin(), loop.labels.end());
  out.set_state(translate(loop.state));
  out.set_desired_state(translate(loop.desired));
  for (const auto& condition : loop.conditions) translate(condition, *out.add_conditions());

  auto& asyncio = *out.mutable_asyncio();
  asyncio.set_is_running(loop.is_running);
  asyncio.set_is_closed(loop.is_closed);
  asyncio.set_stop_pending(loop.stop_pending);

  auto& thread = *out.mutable_thread();
  thread.set_id(loop.thread_id);
  thread.set_name(loop.thread_name);
  translate(loop.thread_cpu, *thread.mutable_cpu_time());
  translate(loop.run_queue_wait, *thread.mutable_run_queue_wait());

  translate(loop.counters, *out.mutable_counters());
  out.mutable_utilisation()->set_last_1s(loop.utilisation_1s);
  out.mutable_utilisation()->set_last_10s(loop.utilisation_10s);
  out.mutable_utilisation()->set_last_60s(loop.utilisation_60s);
  translate(loop.callback_seconds, *out.mutable_histograms()->mutable_callback());
  translate(loop.iteration_seconds, *out.mutable_histograms()->mutable_iteration());
  translate(loop.timer_lateness_seconds, *out.mutable_histograms()->mutable_timer_lateness());

  if (loop.current) translate(*loop.current, *out.mutable_current_callback());
  out.set_stalled(loop.stalled);
  out.set_stall_count(loop.stalls);
  out.set_connection_count(loop.connections);
  out.set_last_error(clean_text(loop.last_error));
  out.set_restart_count(loop.restarts);
  translate(loop.created_at, *out.mutable_create_time());
  if (loop.started_at) translate(*loop.started_at, *out.mutable_start_time());
  translate(loop.snapshot_time, *out.mutable_snapshot_time());
}

void translate(const host::LoopSnapshot& loop, v1::DrainProgress& out) {
  out.set_name(loop_resource(loop.name));
  out.set_state(translate(loop.state));
  out.set_stage(drain_stage(loop));
  out.set_connections_left(loop.connections);
  out.set_tasks_left(loop.counters.tasks_live);
  if (!loop.drain) return;
  if (loop.drain->deadline) translate(*loop.drain->deadline, *out.mutable_deadline());
  out.set_connections_cut(loop.drain->connections_cut);
}

void translate(const host::TaskSnapshot& task, std::string_view loop, v1::Task& out) {
  out.set_name(loop_resource(loop) + "/tasks/" + std::to_string(task.id));
  out.set_id(task.id);
  out.set_display_name(clean_text(task.name));
  out.set_state(translate(task.state));
  out.set_coroutine(clean_text(task.coroutine));
  translate(task.created_at, *out.mutable_created_at());
  for (const auto& frame : task.frames) translate(frame, *out.add_frames());
  out.set_parent_id(task.parent_id);
  out.set_waiting_on(task.waiting_on);
  out.set_waiting_on_id(task.waiting_on_id);
  translate(task.since, *out.mutable_time_in_state());
  out.set_steps(task.steps);
  translate(task.run_time, *out.mutable_run_time());
  translate(task.longest_step, *out.mutable_longest_step());
  out.set_cancel_requests(task.cancel_requests);
}

}  // namespace evloopd::control
