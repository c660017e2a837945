#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "host/hosted_loop.h"
#include "host/leaving.h"
#include "host/listeners.h"
#include "host/loop_host.h"
#include "host/observer.h"

namespace evloopd::host {

// What follows from a change of a loop's state. Shared by the host and its loops, as a stuck loop's thread may
// outlive the host.
class Changes {
 public:
  using Listener = std::function<void(const LoopSnapshot&)>;

  void set_listener(Listener listener);
  // Lends the listening sockets anew, and tells the listener.
  void loop_changed(HostedLoop& loop);
  void rebalance();
  // From here on nothing happens any more.
  void close();

  Listeners listeners;

 private:
  std::shared_mutex mutex_;  // shared: something is being told
  bool open_ = true;         // guarded by mutex_
  Listener listener_;        // guarded by mutex_
};

class LoopHost::Impl {
 public:
  using Loop = std::shared_ptr<HostedLoop>;

  explicit Impl(JobCatalogue jobs);
  ~Impl();

  HostResult<LoopSnapshot> create(LoopOptions options);
  HostResult<void> remove(std::string_view name);
  HostResult<Replacement> replace(std::string_view name, bool force, Deadline deadline);
  // Finds the loop and has it do something that changes it.
  HostResult<LoopSnapshot> change(std::string_view name, const std::function<HostResult<void>(HostedLoop&)>& command);
  HostResult<std::string> run_until_complete(std::string_view name, const JobSpec& job, Deadline deadline,
                                             const std::function<bool()>& cancelled);
  HostResult<void> add_workload(WorkloadOptions options, std::unique_ptr<Workload> workload);
  HostResult<Applied> apply_workload(WorkloadOptions options, std::unique_ptr<Workload> workload);
  HostResult<void> remove_workload(std::string_view name);
  HostResult<WorkloadDrain> drain_workload(std::string_view name, std::optional<Nanos> timeout);
  HostResult<void> set_upstreams(std::string_view name, std::vector<UpstreamSpec> list);
  HostResult<void> set_faults(std::string_view name, const FaultSpec& spec, Nanos ttl);
  HostResult<void> clear_faults(std::string_view name);
  std::vector<std::string> shutdown(Nanos grace, const std::function<bool()>& hurry);

  [[nodiscard]] HostResult<Loop> find(std::string_view name) const;
  [[nodiscard]] std::vector<Loop> loops() const;  // by name
  [[nodiscard]] std::vector<WorkloadSnapshot> workloads() const;
  [[nodiscard]] HostResult<WorkloadSnapshot> workload(std::string_view name) const;
  [[nodiscard]] const JobCatalogue& jobs() const noexcept { return jobs_; }
  [[nodiscard]] Changes& changes() noexcept { return *changes_; }

 private:
  struct BoundListener {
    std::string address;
    std::shared_ptr<ListenerLimit> limit;
  };
  struct HostedWorkload {
    WorkloadOptions options;
    std::shared_ptr<Workload> workload;
    std::vector<BoundListener> listeners{};  // in the order of the options
    std::string key{};                       // of this generation: its shares and listeners
  };
  using Listening = std::vector<Listeners::Listener>;

  [[nodiscard]] HostResult<void> check_open() const;
  [[nodiscard]] HostResult<HostedWorkload> find_workload(std::string_view name) const;
  // Has a workload's faults do something.
  HostResult<void> change_faults(std::string_view name, const std::function<HostResult<void>(Faults&)>& change);
  [[nodiscard]] WorkloadSnapshot snapshot(const HostedWorkload& hosted) const;
  // In place. workload_mutex_ is held.
  void change_limits(WorkloadOptions options);
  // Gives its listeners the limits of its options.
  static void limit_listeners(const HostedWorkload& hosted) noexcept;
  [[nodiscard]] HostResult<std::vector<Loop>> loops_for(const WorkloadOptions& options) const;
  // A new generation's: those of the one before that have the same address are kept.
  [[nodiscard]] HostResult<Listening> open_listeners(const WorkloadOptions& options,
                                                     const HostedWorkload* before) const;
  // On all of the loops, or on none.
  static HostResult<void> attach(const HostedWorkload& hosted, const std::vector<Loop>& loops);
  HostResult<void> begin_generation(WorkloadOptions options, std::unique_ptr<Workload> workload,
                                    const HostedWorkload* before);
  // Takes its listeners away, and forgets it; it is to be retired then. workload_mutex_ is held.
  HostResult<HostedWorkload> withdraw(std::string_view name);
  // Each loop's drain timeout if it is not said.
  std::shared_ptr<Leaving::Generation> retire(const HostedWorkload& hosted, std::optional<Nanos> timeout = {});
  [[nodiscard]] Loop make_loop(LoopOptions options);  // throws std::system_error
  // On a loop that takes the place of another one of its name.
  [[nodiscard]] std::vector<HostedWorkload> workloads_on(const std::string& loop) const;
  HostResult<void> attach_again(const Loop& loop);
  HostResult<void> give_name(const Loop& old, const Loop& fresh);
  void forget_replaced();
  void close_all(const std::vector<Loop>& loops);

  const JobCatalogue jobs_;
  const std::shared_ptr<Changes> changes_ = std::make_shared<Changes>();
  std::atomic<bool> leaving_{false};
  std::timed_mutex workload_mutex_;  // one workload is changed at a time, or one loop replaced
  std::uint64_t generations_ = 0;    // guarded by workload_mutex_
  Leaving leaving_workloads_;

  mutable std::mutex mutex_;
  std::map<std::string, Loop, std::less<>> loops_;                // guarded by mutex_
  std::map<std::string, HostedWorkload, std::less<>> workloads_;  // guarded by mutex_

  const std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  Observer observer_;
};

}  // namespace evloopd::host
