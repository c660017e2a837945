#include "metrics/host_collector.h"

#include <array>
#include <functional>
#include <string>
#include <utility>

#include "metrics/families.h"
#include "metrics/listeners.h"
#include "metrics/measures.h"
#include "metrics/upstreams.h"

namespace evloopd::metrics {
namespace {

using host::LoopSnapshot;
using host::LoopState;
using host::WorkloadSnapshot;

constexpr std::array all_states{LoopState::created,  LoopState::starting,   LoopState::running, LoopState::draining,
                                LoopState::stopping, LoopState::stopped,    LoopState::closing, LoopState::closed,
                                LoopState::failed,   LoopState::quarantined};

// One family of all loops: `add` adds what one loop has of it.
class Builder {
 public:
  explicit Builder(const std::vector<LoopSnapshot>& loops) : loops_(loops) {}

  template <class Add>
  void put(Family family, Add add) {
    for (const auto& loop : loops_) add(family, loop);
    families_.push_back(std::move(family).take());
  }
  // One series per loop.
  template <class Read>
  void each(Family family, Read read) {
    put(std::move(family), [&](Family& into, const LoopSnapshot& loop) { into.add(of(loop), read(loop)); });
  }

  [[nodiscard]] static Labels of(const LoopSnapshot& loop) { return {{.name = "loop", .value = loop.name}}; }
  [[nodiscard]] static Labels of(const LoopSnapshot& loop, const char* name, std::string value) {
    return {{.name = "loop", .value = loop.name}, {.name = name, .value = std::move(value)}};
  }
  [[nodiscard]] std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  const std::vector<LoopSnapshot>& loops_;
  std::vector<prometheus::MetricFamily> families_;
};

void put_state(Builder& builder) {
  builder.put(Family::gauge("evloopd_loop_state", "1 for the state the loop is in, 0 for the others."),
              [](Family& family, const LoopSnapshot& loop) {
                for (const auto state : all_states)
                  family.add(Builder::of(loop, "state", host::state_name(state)), loop.state == state ? 1.0 : 0.0);
              });
  builder.put(Family::gauge("evloopd_loop_desired_state", "1 for the state the loop shall be in, 0 for the others."),
              [](Family& family, const LoopSnapshot& loop) {
                for (const auto state : {LoopState::created, LoopState::running, LoopState::stopped, LoopState::closed})
                  family.add(Builder::of(loop, "state", host::state_name(state)), loop.desired == state ? 1.0 : 0.0);
              });
  builder.put(Family::gauge("evloopd_loop_condition", "1 if the condition holds."),
              [](Family& family, const LoopSnapshot& loop) {
                for (const auto& condition : loop.conditions)
                  family.add(Builder::of(loop, "condition", condition.type), condition.status ? 1.0 : 0.0);
              });
  builder.each(Family::counter("evloopd_loop_restarts_total", "Starts after a run that failed."),
               [](const auto& loop) { return loop.restarts; });
}

void put_turns(Builder& builder) {
  builder.each(Family::counter("evloopd_loop_iterations_total", "Turns of the loop."),
               [](const auto& loop) { return loop.counters.iterations; });
  builder.each(Family::counter("evloopd_loop_callbacks_total", "Callbacks and task steps that ran."),
               [](const auto& loop) { return loop.counters.callbacks; });
  builder.put(Family::counter("evloopd_loop_phase_seconds_total",
                              "Time of the loop's thread: busy with callbacks, or idle in the selector."),
              [](Family& family, const LoopSnapshot& loop) {
                family.add(Builder::of(loop, "phase", "busy"), loop.counters.busy);
                family.add(Builder::of(loop, "phase", "idle"), loop.counters.idle);
              });
  builder.each(Family::counter("evloopd_loop_cpu_seconds_total", "Processor time of the loop's thread."),
               [](const auto& loop) { return loop.thread_cpu; });
  builder.each(Family::counter("evloopd_loop_run_queue_wait_seconds_total",
                               "Time in which the loop's thread could run and no processor was free."),
               [](const auto& loop) { return loop.run_queue_wait; });
  builder.each(Family::histogram("evloopd_loop_iteration_duration_seconds", "Turns without the wait in the selector."),
               [](const auto& loop) -> const auto& { return loop.iteration_seconds; });
  builder.each(Family::histogram("evloopd_loop_callback_duration_seconds", "Callbacks and task steps."),
               [](const auto& loop) -> const auto& { return loop.callback_seconds; });
  builder.each(Family::gauge("evloopd_loop_ready_length", "Callbacks ready to run at the beginning of the last turn."),
               [](const auto& loop) { return loop.counters.ready_length; });
  builder.each(Family::gauge("evloopd_loop_current_callback_seconds",
                             "How long the callback that runs now has been running; 0 if none does."),
               [](const auto& loop) { return loop.current ? loop.current->elapsed : host::Nanos::zero(); });
  builder.each(Family::counter("evloopd_loop_stalls_total", "Callbacks that held the loop up beyond its threshold."),
               [](const auto& loop) { return loop.stalls; });
  builder.each(Family::counter("evloopd_loop_exceptions_total", "Exceptions that no code of the workload caught."),
               [](const auto& loop) { return loop.counters.exceptions; });
}

void put_inputs(Builder& builder) {
  builder.put(Family::gauge("evloopd_loop_timers", "Timers in the queue: live, or cancelled and not yet removed."),
              [](Family& family, const LoopSnapshot& loop) {
                family.add(Builder::of(loop, "status", "live"), loop.counters.timers_live);
                family.add(Builder::of(loop, "status", "cancelled"), loop.counters.timers_cancelled);
              });
  builder.each(Family::counter("evloopd_loop_timers_fired_total", "Timers that came due."),
               [](const auto& loop) { return loop.counters.timers_fired; });
  builder.each(Family::histogram("evloopd_loop_timer_lateness_seconds", "From a timer's time to its turn."),
               [](const auto& loop) -> const auto& { return loop.timer_lateness_seconds; });
  builder.each(Family::counter("evloopd_loop_threadsafe_calls_total", "Callbacks taken from other threads."),
               [](const auto& loop) { return loop.counters.threadsafe_calls; });
  builder.each(Family::gauge("evloopd_loop_threadsafe_queue_length", "Callbacks of other threads not yet taken."),
               [](const auto& loop) { return loop.counters.threadsafe_queue; });
  builder.each(Family::counter("evloopd_loop_wakeups_total", "Times another thread woke the loop."),
               [](const auto& loop) { return loop.counters.wakeups; });
  builder.each(Family::gauge("evloopd_loop_watchers", "File descriptors watched, counted once for each direction."),
               [](const auto& loop) { return loop.counters.watchers; });
  builder.each(Family::counter("evloopd_loop_events_total", "File descriptors that the selector found ready."),
               [](const auto& loop) { return loop.counters.events; });
}

void put_work(Builder& builder) {
  builder.each(Family::gauge("evloopd_loop_tasks", "Tasks that are not done."),
               [](const auto& loop) { return loop.counters.tasks_live; });
  builder.each(Family::counter("evloopd_loop_tasks_created_total", "Tasks made."),
               [](const auto& loop) { return loop.counters.tasks_created; });
  builder.put(Family::counter("evloopd_loop_tasks_done_total", "Tasks that ended, by outcome."),
              [](Family& family, const LoopSnapshot& loop) {
                family.add(Builder::of(loop, "outcome", "finished"), loop.counters.tasks_finished);
                family.add(Builder::of(loop, "outcome", "failed"), loop.counters.tasks_failed);
                family.add(Builder::of(loop, "outcome", "cancelled"), loop.counters.tasks_cancelled);
              });
  builder.each(Family::gauge("evloopd_loop_connections_open", "Connections of the workloads on this loop."),
               [](const auto& loop) { return loop.connections; });
}

Labels of(const WorkloadSnapshot& workload) { return {{.name = "workload", .value = workload.name}}; }
Labels of(const WorkloadSnapshot& workload, const char* label, std::string value) {
  return {{.name = "workload", .value = workload.name}, {.name = label, .value = std::move(value)}};
}

void put_workloads(const std::vector<WorkloadSnapshot>& workloads, std::vector<prometheus::MetricFamily>& families) {
  auto open = Family::gauge("evloopd_workload_connections_open", "Connections that are open.");
  auto total = Family::counter("evloopd_workload_connections_total", "Connections accepted.");
  auto failed = Family::counter("evloopd_workload_connections_failed_total", "Connections that ended by an error.");
  auto bytes = Family::counter("evloopd_workload_transferred_bytes_total",
                               "Bytes received from clients (in) and sent to them (out).");
  for (const auto& workload : workloads) {
    open.add(of(workload), workload.connections_open);
    total.add(of(workload), workload.connections_total);
    failed.add(of(workload), workload.connections_failed);
    bytes.add(of(workload, "direction", "in"), workload.bytes_in);
    bytes.add(of(workload, "direction", "out"), workload.bytes_out);
  }
  auto ended = Family::counter("evloopd_workload_connections_ended_total", "Connections that have ended, by reason.");
  auto dropped = Family::counter("evloopd_workload_log_lines_dropped_total",
                                 "Lines of an access log that came faster than they could be written.");
  auto faulted = Family::counter("evloopd_workload_faulted_connections_total",
                                 "Connections that had something done to them on purpose.");
  for (const auto& workload : workloads) {
    if (workload.faults) faulted.add(of(workload), workload.faults->connections);
    for (const auto& end : workload.ends) ended.add(of(workload, "reason", std::string(end.name)), end.count);
    dropped.add(of(workload), workload.dropped_log_lines);
  }
  for (auto* family : {&open, &total, &failed, &ended, &dropped, &faulted, &bytes})
    families.push_back(std::move(*family).take());
}

}  // namespace

std::vector<prometheus::MetricFamily> HostCollector::Collect() const {
  auto loops = host_.list();
  // Their names are not of the configuration, and the loops that have their places count on.
  const auto replaced = std::erase_if(loops, [](const auto& loop) { return loop.replaced; });
  Builder builder(loops);
  put_state(builder);
  put_turns(builder);
  put_inputs(builder);
  put_work(builder);
  auto families = builder.take();
  auto stuck = Family::gauge("evloopd_loops_replaced", "Loops that were replaced and have not come to their end.");
  stuck.add({}, static_cast<double>(replaced));
  families.push_back(std::move(stuck).take());
  const auto workloads = host_.workloads();
  put_workloads(workloads, families);
  put_listeners(workloads, families);
  put_upstreams(workloads, families);
  put_measures(workloads, families);
  return families;
}

}  // namespace evloopd::metrics
