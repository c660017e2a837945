#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "host/job.h"
#include "host/life_cycle.h"
#include "host/loop_health.h"
#include "host/loop_name.h"
#include "host/loop_shares.h"
#include "host/worker.h"

namespace evloopd::host {

class JobRun;

// One loop in the host: its worker, its state, its shares of the workloads, its health. Any thread. What waits
// for the loop is bounded by its deadline, and what was asked goes on when a blocked loop comes free.
class HostedLoop : public std::enable_shared_from_this<HostedLoop> {
 public:
  using Deadline = LoopHost::Deadline;
  using Changed = std::function<void(HostedLoop&)>;

  // Throws std::system_error. See Worker for `bell`, LifeCycle for `changed`.
  HostedLoop(LoopOptions options, std::string uid, std::shared_ptr<Bell> bell, Changed changed);

  [[nodiscard]] const std::string& name() const noexcept { return name_->get(); }
  [[nodiscard]] const LoopOptions& options() const noexcept { return options_; }  // as it was made

  HostResult<void> start(Deadline deadline);
  HostResult<void> stop(Deadline deadline);
  HostResult<void> drain(Deadline deadline);
  HostResult<void> close(CloseMode mode, Deadline deadline);
  HostResult<void> check_removable();
  HostResult<std::string> run_job(std::string kind, JobStart start, Deadline deadline,
                                  const std::function<bool()>& cancelled);
  HostResult<void> shutdown_asyncgens(Deadline deadline);

  // For going down with many loops at once: the same without waiting, and without effect where it is refused.
  void begin_drain();
  void begin_stop();
  void begin_close();
  // Ends what a graceful close still waits for, such as a task that ignores its cancellation.
  void hurry_close();
  // Gives the loop up. It is closed if it ever comes free.
  void quarantine();
  // LOOP_NOT_STUCK unless it is stuck or, if `force`, runs.
  HostResult<void> check_replaceable(bool force) const;
  // The same as quarantine() for a loop that runs, so that another one can take its place: it accepts nobody any more,
  // and `rename` is called before it can end. What that answers is answered.
  HostResult<void> give_up(const std::function<HostResult<void>(LoopName&)>& rename);
  // It has given its name to another loop.
  [[nodiscard]] bool is_replaced() const noexcept { return name_->has_changed(); }
  // Was last told to run for ever.
  [[nodiscard]] bool shall_run() const { return life_.view().desired == LoopState::running; }
  // Nothing is left to be drained.
  [[nodiscard]] bool is_drained() const;
  bool wait_for_rest(Deadline deadline) { return life_.wait_for_rest(deadline); }
  bool wait_until_closed(Deadline deadline) { return life_.wait_while(LoopState::closing, deadline); }

  // Calls Workload::attach on the loop's thread.
  HostResult<void> attach(const std::string& key, const std::string& workload, std::shared_ptr<Workload> what,
                          Deadline deadline);
  void detach(const std::string& key);
  // See LoopShares.
  void watch(const std::string& key, SharedSocket socket);
  void unwatch(const std::string& key, SharedSocket socket);
  // Waits until the loop has done all of what it was asked before, or is closed, or the deadline is over.
  void catch_up(Deadline deadline);
  // What is answered turns true when the loop has done so, and all that it was asked before, such as unwatch().
  std::shared_ptr<const std::atomic<bool>> drain_connections(const std::string& key);
  void abort_connections(const std::string& key);
  void abort_connections();
  [[nodiscard]] std::size_t connections(const std::string& key) const { return shares_.connections(key); }
  [[nodiscard]] std::size_t connections() const { return shares_.connections(); }
  [[nodiscard]] Nanos drain_timeout() const noexcept { return options_.drain_timeout; }

  // Runs for ever, and takes what it is given.
  [[nodiscard]] bool can_accept() const { return life_.runs_for_ever() && !health_.is_stuck(); }
  [[nodiscard]] LoopState state() const { return life_.state(); }
  [[nodiscard]] LoopHealth& health() noexcept { return health_; }
  [[nodiscard]] LoopSnapshot snapshot() const;
  [[nodiscard]] TaskPage tasks() const;

 private:
  using Admission = LifeCycle::Admission;

  // Loop thread.
  void run_forever(evloop::EventLoop& loop, std::uint64_t run);
  void run_job_now(evloop::EventLoop& loop, std::uint64_t run, JobRun& job);
  void begin_run(evloop::EventLoop& loop, std::uint64_t run);
  void part_with_shares(evloop::EventLoop& loop, CloseMode mode);

  // Has the loop's thread call `function`, unless it is closed; false if it did not come to it by the deadline.
  bool call(Worker::Function function, Deadline deadline);
  void post_stop(std::uint64_t run);
  void post_drain();
  void post_close(CloseMode mode);
  // From DRAINING to STOPPING: by the deadline at the latest, less what cutting connections takes.
  void lead_drain(const Admission& admitted, Deadline deadline);
  // What holds it up, and where.
  [[nodiscard]] HostError late(Reason reason, const std::string& what) const;

  const LoopOptions options_;
  const std::shared_ptr<LoopName> name_;
  const std::string uid_;
  LifeCycle life_;
  std::atomic<bool> told_to_drain_{false};  // the shares know

  // Loop thread.
  std::uint64_t current_run_ = 0;  // 0: at rest
  std::uint64_t stopped_run_ = 0;  // the run that a stop() of ours was for
  LoopShares shares_;

  Worker worker_;
  LoopHealth health_;
};

}  // namespace evloopd::host
