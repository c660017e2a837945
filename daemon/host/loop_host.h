#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/fault_spec.h"
#include "host/host_error.h"
#include "host/job.h"
#include "host/listener_limit.h"
#include "host/listening_socket.h"
#include "host/snapshots.h"
#include "host/upstreams.h"
#include "host/workload.h"

namespace evloopd::host {

enum class SelectorKind { epoll, poll };

struct LoopOptions {
  std::string name;  // [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?
  std::map<std::string, std::string> labels;
  SelectorKind selector = SelectorKind::epoll;
  Nanos stall_warn = std::chrono::milliseconds(25);
  Nanos stall_critical = std::chrono::seconds(1);
  Nanos drain_timeout = std::chrono::seconds(30);
};

// An address that a workload listens on.
struct ListenerOptions {
  std::string address{};  // "127.0.0.1:8080", "[::1]:0", "unix:/run/x.sock"
  ListenerLimits limits{};

  friend bool operator==(const ListenerOptions&, const ListenerOptions&) = default;
};

struct WorkloadOptions {
  std::string name;
  std::vector<std::string> loops;  // names; must exist
  std::vector<ListenerOptions> listeners;
  int backlog = 4096;                  // of streams
  Listens listens = Listens::streams;  // what comes to the listeners; as its kind says

  friend bool operator==(const WorkloadOptions&, const WorkloadOptions&) = default;
};

// What came of applying a workload.
enum class Applied {
  created,
  unchanged,  // it was like that already
  updated,    // in place: every connection goes on as it is
  replaced,   // by a new generation, which takes the new connections; those that are open come to their end
};

// Answers how a drain goes, and does what is due in it. Any thread, as long as the host lives.
using WorkloadDrain = std::function<WorkloadDrainSnapshot()>;

// What came of replacing a loop.
struct Replacement {
  LoopSnapshot loop;      // that has the name now
  LoopSnapshot replaced;  // that had it, under its new one
};

// Graceful: cancel all tasks, shut down generators and executor, then close (asyncio.Runner's epilogue).
// Raw: asyncio's bare loop.close().
enum class CloseMode { graceful, raw };

// Every loop by name, its state machine, its worker thread, and the workloads with their listeners.
//
// Any thread. Each call answers with a value or a HostError and is bounded by its deadline; no call
// waits for more than one loop, and a blocked loop blocks nobody who does not wait for it. Reads
// (`get`, `list`, `tasks`) never wait for a loop at all.
class LoopHost {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  explicit LoopHost(JobCatalogue jobs);
  ~LoopHost();  // shuts down with no grace if shutdown() was not called
  LoopHost(const LoopHost&) = delete;
  LoopHost& operator=(const LoopHost&) = delete;

  // Life cycle (control-plane.md, section 2). Each answers with the loop as it is afterwards.
  HostResult<LoopSnapshot> create(LoopOptions options);
  HostResult<LoopSnapshot> start(std::string_view name, Deadline deadline);
  HostResult<LoopSnapshot> stop(std::string_view name, Deadline deadline);
  HostResult<LoopSnapshot> drain(std::string_view name, Deadline deadline);
  HostResult<LoopSnapshot> close(std::string_view name, CloseMode mode, Deadline deadline);
  HostResult<void> remove(std::string_view name);
  // Puts a fresh loop in the place of one that is stuck, or of any that runs if `force`: with its name, options and
  // workloads, and running if the old one was to run. The old one is called "<name>~1", or by the next free number. It
  // accepts nobody any more, is QUARANTINED while it is stuck, then cuts its connections and closes; closed, it is
  // forgotten by itself. LOOP_NOT_STUCK.
  HostResult<Replacement> replace(std::string_view name, bool force, Deadline deadline);

  // Runs a job on a loop that is not running. `cancelled` is polled (at least every 50 ms) so that a
  // client which goes away cancels the task, as Ctrl-C does to asyncio.run.
  HostResult<std::string> run_until_complete(std::string_view name, const JobSpec& job, Deadline deadline,
                                             const std::function<bool()>& cancelled);
  HostResult<LoopSnapshot> shutdown_asyncgens(std::string_view name, Deadline deadline);

  // Reads. Never post to a loop, never take a lock a loop takes.
  [[nodiscard]] HostResult<LoopSnapshot> get(std::string_view name) const;
  [[nodiscard]] std::vector<LoopSnapshot> list() const;  // by name
  [[nodiscard]] HostResult<TaskPage> tasks(std::string_view name) const;
  [[nodiscard]] std::vector<WorkloadSnapshot> workloads() const;  // by name
  [[nodiscard]] HostResult<WorkloadSnapshot> workload(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> job_kinds() const;

  // Binds the listeners and attaches the workload to its loops; all or nothing.
  HostResult<void> add_workload(WorkloadOptions options, std::unique_ptr<Workload> workload);

  // Makes a workload be as given, whether there is one of that name or not; its listeners are kept where they stay, so
  // that nobody is refused, and so is what counts in their limits, which are changed in place. All or nothing.
  // Connections of what was replaced are cut when the drain timeout of their loop is over. Its counters begin anew if
  // it is replaced.
  HostResult<Applied> apply_workload(WorkloadOptions options, std::unique_ptr<Workload> workload);
  // Ends it: nobody is accepted from here on, and what is open comes to its end likewise. WORKLOAD_NOT_FOUND.
  HostResult<void> remove_workload(std::string_view name);
  // The same to be watched; `timeout`, up to 24h, is instead of the loops' drain timeouts. One that is on its way out
  // already is joined, and a timeout makes it go by then. WORKLOAD_NOT_FOUND.
  HostResult<WorkloadDrain> drain_workload(std::string_view name, std::optional<Nanos> timeout);

  // Replaces what a workload sends its clients on to, while it runs: see Upstreams. WORKLOAD_NOT_FOUND, BAD_ARGUMENT.
  HostResult<void> set_upstreams(std::string_view name, std::vector<UpstreamSpec> list);

  // Does something to a workload's connections on purpose, for a time, and ends that early: see Faults.
  // WORKLOAD_NOT_FOUND, BAD_ARGUMENT. Both end with the workload, and when it is replaced.
  HostResult<void> set_faults(std::string_view name, const FaultSpec& spec, Nanos ttl);
  HostResult<void> clear_faults(std::string_view name);

  // Called on any thread after each change of a loop's state (for health). Set before the first loop.
  void on_state_change(std::function<void(const LoopSnapshot&)> listener);

  // Refuses every change from now on, drains all loops in parallel until `grace`, stops and closes
  // them. Answers the names of loops that did not come to rest. `hurry` (may be null) is polled: true
  // cuts the grace short. Never hangs: what is blocked beyond the grace is given up after a few seconds more.
  //
  // A loop that is named is QUARANTINED: its thread is left to itself, with what it still holds. The process
  // must then end by _exit(), once its logs are flushed, since that thread may wake among objects that exit()
  // destroys.
  std::vector<std::string> shutdown(Nanos grace, const std::function<bool()>& hurry);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evloopd::host
