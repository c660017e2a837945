#include "host/inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <source_location>

namespace evloopd::host {
namespace {

using evloop::CycleClock;
using evloop::TaskPhase;
using evloop::TaskRecord;

Site site_of(const std::source_location& where) {
  return {.file = where.file_name(), .function = where.function_name(), .line = where.line()};
}

TaskState state_of(TaskPhase phase) {
  switch (phase) {
    case TaskPhase::free:
    case TaskPhase::done: return TaskState::done;
    case TaskPhase::runnable: return TaskState::runnable;
    case TaskPhase::running: return TaskState::running;
    case TaskPhase::waiting: return TaskState::waiting;
    case TaskPhase::failed: return TaskState::failed;
    case TaskPhase::cancelled: return TaskState::cancelled;
  }
  return TaskState::done;
}

std::string name_of(const TaskRecord::View& task) {
  return task.name.empty() ? "Task-" + std::to_string(task.id) : task.name;
}

// Frames that have awaited something; a deeper chain than is kept ends with its innermost.
std::vector<Site> frames_of(const TaskRecord::View& task) {
  std::vector<Site> frames;
  for (std::size_t i = 0; i < std::min(task.depth, TaskRecord::frames_kept); ++i)
    if (task.frames[i].line() != 0) frames.push_back(site_of(task.frames[i]));
  return frames;
}

TaskSnapshot snapshot_of(const TaskRecord::View& task) {
  return {.id = task.id,
          .name = name_of(task),
          .state = state_of(task.state),
          .coroutine = task.coroutine.function_name(),
          .created_at = site_of(task.created),
          .frames = frames_of(task),
          .parent_id = task.parent_id,
          .waiting_on = task.state == TaskPhase::waiting ? evloop::wait_kind_name(task.waiting_on) : "",
          .waiting_on_id = task.state == TaskPhase::waiting ? task.waiting_on_id : 0,
          .since = time_since(task.since),
          .steps = task.steps,
          .run_time = CycleClock::to_nanos(task.run_time),
          .longest_step = CycleClock::to_nanos(task.longest_step),
          .cancel_requests = task.cancel_requests};
}

// Its two numbers are read one after the other, while both grow.
std::uint64_t mailbox_length(const evloop::LoopPort& port) {
  const auto length = static_cast<std::int64_t>(port.mailbox_length());
  return length > 0 ? static_cast<std::uint64_t>(length) : 0;
}

// Where a task is: at its innermost await, or at the beginning of its coroutine.
Site innermost(const TaskRecord::View& task) {
  auto frames = frames_of(task);
  if (!frames.empty()) return std::move(frames.back());
  return site_of(task.coroutine.line() != 0 ? task.coroutine : task.created);
}

}  // namespace

LoopCounters read_counters(const evloop::LoopPort& port) {
  const auto& stats = port.stats;
  return {.iterations = stats.iterations.get(),
          .callbacks = stats.callbacks.get(),
          .events = stats.events.get(),
          .timers_fired = stats.timers_fired.get(),
          .threadsafe_calls = stats.threadsafe_calls.get(),
          .wakeups = port.wakeups(),
          .tasks_created = stats.tasks_created.get(),
          .tasks_finished = stats.tasks_finished.get(),
          .tasks_failed = stats.tasks_failed.get(),
          .tasks_cancelled = stats.tasks_cancelled.get(),
          .exceptions = stats.exceptions.get(),
          .busy = CycleClock::to_nanos(stats.busy.get()),
          .idle = CycleClock::to_nanos(stats.idle.get()),
          .ready_length = stats.ready_length.get(),
          .timers_live = stats.timers_live.get(),
          .timers_cancelled = stats.timers_cancelled.get(),
          .watchers = stats.watchers.get(),
          .tasks_live = stats.tasks_live.get(),
          .threadsafe_queue = mailbox_length(port)};
}

HistogramSnapshot read_histogram(const evloop::DurationHistogram& histogram) {
  HistogramSnapshot snapshot;
  for (const auto bound : evloop::DurationHistogram::bounds)
    snapshot.bounds.push_back(static_cast<double>(bound) / 1e9);
  for (std::size_t i = 0; i < evloop::DurationHistogram::buckets; ++i) snapshot.buckets.push_back(histogram.count(i));
  snapshot.sum = std::chrono::duration<double>(histogram.sum()).count();
  return snapshot;
}

std::vector<TaskSnapshot> read_tasks(const evloop::LoopPort& port) {
  std::vector<TaskSnapshot> tasks;
  port.tasks.for_each([&](const TaskRecord::View& task) { tasks.push_back(snapshot_of(task)); });
  std::ranges::sort(tasks, {}, &TaskSnapshot::id);
  return tasks;
}

std::optional<CurrentCallback> read_current(const evloop::LoopPort& port) {
  const auto view = port.current.read();
  if (!view) return std::nullopt;
  CurrentCallback current{.kind = evloop::work_kind_name(view->kind),
                          .task_id = view->task_id,
                          .task_name = {},
                          .site = site_of(view->where),
                          .elapsed = time_since(view->since)};
  if (view->task_id == 0) return current;
  if (const auto task = port.tasks.find(view->task_id)) {
    current.task_name = name_of(*task);
    current.site = innermost(*task);
  }
  return current;
}

Nanos time_since(CycleClock::Stamp stamp) {
  const auto now = CycleClock::now();
  return now > stamp ? CycleClock::to_nanos(now - stamp) : Nanos::zero();
}

std::string place(const Site& site) { return site.line == 0 ? site.file : fmt::format("{}:{}", site.file, site.line); }

std::string describe(const CurrentCallback& current) {
  const auto noun = current.kind == "posted"          ? "call from another thread"
                    : current.kind == "done_callback" ? "done callback"
                                                      : current.kind;
  const auto what =
      current.task_id == 0 ? "a " + noun : fmt::format("task {} \"{}\"", current.task_id, current.task_name);
  return fmt::format("{} at {} for {:.3f} s", what, place(current.site),
                     std::chrono::duration<double>(current.elapsed).count());
}

}  // namespace evloopd::host
