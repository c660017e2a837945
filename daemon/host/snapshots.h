#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/fault_spec.h"
#include "host/listener_limit.h"
#include "host/workload.h"

// Value snapshots that the host hands to other threads. They are read from published records, so they
// are had at once, also of a loop that is blocked (ARCHITECTURE: inspection is read, never asked).
namespace evloopd::host {

using Nanos = std::chrono::nanoseconds;
using WallTime = std::chrono::system_clock::time_point;
[[nodiscard]] WallTime on_the_wall(std::chrono::steady_clock::time_point time);

enum class LoopState { created, starting, running, draining, stopping, stopped, closing, closed, failed, quarantined };
[[nodiscard]] const char* state_name(LoopState state) noexcept;  // "RUNNING"

// A place in a program. `line` 0: unknown.
struct Site {
  std::string file;
  std::string function;
  std::uint32_t line = 0;
};

struct Condition {
  std::string type;  // Ready Accepting Stalled Overloaded Degraded
  bool status = false;
  std::string reason;  // CamelCase word, or empty
  WallTime since;
};

// What a loop executes now. Absent from a snapshot when the loop sleeps or is at rest.
struct CurrentCallback {
  std::string kind;           // task callback timer reader writer posted
  std::uint64_t task_id = 0;  // 0: none
  std::string task_name;
  Site site;  // where it was scheduled; for a task: its innermost await
  Nanos elapsed{};
};

struct LoopCounters {
  std::uint64_t iterations = 0;
  std::uint64_t callbacks = 0;
  std::uint64_t events = 0;
  std::uint64_t timers_fired = 0;
  std::uint64_t threadsafe_calls = 0;
  std::uint64_t wakeups = 0;
  std::uint64_t tasks_created = 0;
  std::uint64_t tasks_finished = 0;
  std::uint64_t tasks_failed = 0;
  std::uint64_t tasks_cancelled = 0;
  std::uint64_t exceptions = 0;  // reported to the exception handler
  Nanos busy{};
  Nanos idle{};
  std::uint64_t ready_length = 0;
  std::uint64_t timers_live = 0;
  std::uint64_t timers_cancelled = 0;
  std::uint64_t watchers = 0;
  std::uint64_t tasks_live = 0;
  std::uint64_t threadsafe_queue = 0;
};

// A histogram in seconds: `buckets[i]` counts values <= `bounds[i]` and above the bound before; the
// last bucket (index bounds.size()) counts the rest.
struct HistogramSnapshot {
  std::vector<double> bounds;
  std::vector<std::uint64_t> buckets;
  double sum = 0;
};

// The drain that is under way, or the latest one of a loop that was not started since.
struct DrainSnapshot {
  std::optional<WallTime> deadline;  // then the connections that are left are cut; none while it is not known yet
  std::uint64_t connections_cut = 0;
};

struct LoopSnapshot {
  std::string name;
  bool replaced = false;  // another loop has the name it had: it goes once it comes free
  std::string uid;
  std::map<std::string, std::string> labels;
  LoopState state = LoopState::created;
  LoopState desired = LoopState::created;
  std::vector<Condition> conditions;

  bool is_running = false;
  bool is_closed = false;
  bool stop_pending = false;

  std::int64_t thread_id = 0;  // kernel tid
  std::string thread_name;
  Nanos thread_cpu{};
  Nanos run_queue_wait{};

  LoopCounters counters;
  double utilisation_1s = 0;  // 0..1
  double utilisation_10s = 0;
  double utilisation_60s = 0;
  HistogramSnapshot callback_seconds;
  HistogramSnapshot iteration_seconds;
  HistogramSnapshot timer_lateness_seconds;

  std::optional<CurrentCallback> current;
  bool stalled = false;
  std::uint64_t stalls = 0;       // ever opened
  std::uint64_t connections = 0;  // of the workloads on this loop
  std::optional<DrainSnapshot> drain;

  std::string last_error;
  std::uint64_t restarts = 0;
  WallTime created_at;
  std::optional<WallTime> started_at;
  WallTime snapshot_time;
};

enum class TaskState { runnable, running, waiting, done, failed, cancelled };
[[nodiscard]] const char* task_state_name(TaskState state) noexcept;  // "WAITING"

struct TaskSnapshot {
  std::uint64_t id = 0;
  std::string name;
  TaskState state = TaskState::runnable;
  std::string coroutine;  // function name
  Site created_at;
  std::vector<Site> frames;     // live await chain, innermost last
  std::uint64_t parent_id = 0;  // 0: none
  std::string waiting_on;       // task future timer fd lock ... ; empty when it does not wait
  std::uint64_t waiting_on_id = 0;
  Nanos since{};  // time in this state
  std::uint64_t steps = 0;
  Nanos run_time{};
  Nanos longest_step{};
  std::uint32_t cancel_requests = 0;
};

struct TaskPage {
  std::vector<TaskSnapshot> tasks;
  WallTime snapshot_time;
};

// In the order of preference: of several reasons against an upstream's address the last counts.
enum class UpstreamState { up, ejected, down, draining };
[[nodiscard]] const char* upstream_state_name(UpstreamState state) noexcept;  // "UP"

// One address of an upstream.
struct UpstreamEndpoint {
  struct Transition {
    WallTime time;
    UpstreamState state = UpstreamState::up;
    std::string reason;
  };

  std::string address;
  UpstreamState state = UpstreamState::up;
  std::uint64_t connections_open = 0;
  std::vector<Transition> history;  // the latest, oldest first
};

// One entry of a workload's list of upstreams; the counters are over all its addresses, those that went included.
struct UpstreamSnapshot {
  std::string name;
  int weight = 1;
  bool backup = false;
  std::uint64_t connections_open = 0;
  std::uint64_t connections_total = 0;
  std::uint64_t connects_failed = 0;
  std::uint64_t retries = 0;  // connects to it after another one had failed
  std::uint64_t ejections = 0;
  std::uint64_t checks_passed = 0;
  std::uint64_t checks_failed = 0;
  HistogramSnapshot connect_seconds;
  std::vector<UpstreamEndpoint> endpoints;
};

struct UpstreamsSnapshot {
  std::vector<UpstreamSnapshot> list;
  std::uint64_t queue_length = 0;  // clients that wait for a place
  std::uint64_t queue_full = 0;    // clients refused because too many waited
  std::uint64_t queue_timeouts = 0;
  std::uint64_t retries_denied = 0;  // clients given up because too many retried
};

// What is done to a workload's connections on purpose.
struct FaultsSnapshot {
  FaultSpec in_force;
  std::optional<WallTime> expire_time;  // then the configured ones are back; none: these are the configured ones
  std::uint64_t connections = 0;        // ever touched
};

// One address that a workload listens on.
struct ListenerSnapshot {
  std::string address;  // as bound
  ListenerLimits limits{};
  std::uint64_t connections_open = 0;  // those that count in the limits; nobody does while there are none
  std::uint64_t suspended_total = 0;   // times that a loop had to leave clients in the kernel's queue
  bool suspended = false;              // one does now
};

struct WorkloadSnapshot {
  std::string name;
  std::string kind;
  std::vector<std::string> loops;
  std::vector<std::string> listeners;               // addresses as bound, "127.0.0.1:8080"
  std::vector<ListenerSnapshot> listener_states{};  // of each of them
  std::uint64_t connections_open = 0;
  std::uint64_t connections_total = 0;
  std::uint64_t connections_failed = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::vector<NamedCount> ends{};  // connections that have ended, by reason
  std::uint64_t dropped_log_lines = 0;
  std::vector<Fact> facts{};
  std::vector<Measure> measures{};
  std::optional<UpstreamsSnapshot> upstreams{};  // of a kind that has them
  std::optional<FaultsSnapshot> faults{};        // of a kind that can have them
  WallTime snapshot_time{};
};

// How the drain of a workload goes.
struct WorkloadDrainSnapshot {
  struct OnLoop {
    std::string loop;
    std::uint64_t connections = 0;
  };

  std::string workload;
  std::vector<OnLoop> loops;         // those on which it is not gone yet, by name
  std::optional<WallTime> deadline;  // then the last connections that are left are cut; none when it is over
  std::uint64_t connections_cut = 0;
  bool over = false;
  WallTime snapshot_time{};
};

}  // namespace evloopd::host
