#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "host/loop_host.h"
#include "host/loop_name.h"
#include "host/transitions.h"

namespace evloopd::host {

// The state of one loop, who may change it and who waits for it. Any thread; the loop's thread comes here
// between runs only.
class LifeCycle {
 public:
  using Deadline = LoopHost::Deadline;

  // What others see of it.
  struct View {
    LoopState state = LoopState::created;
    LoopState desired = LoopState::created;
    bool in_job = false;
    std::string last_error;
    std::uint64_t restarts = 0;
    WallTime created_at;
    std::optional<WallTime> started_at;
    std::optional<DrainSnapshot> drain;
  };

  // A command that was let in. `before` is the state it met, which has changed to the one on the way.
  struct Admission {
    Answer answer = Answer::go;
    LoopState before = LoopState::created;
    std::uint64_t run = 0;    // the number of the run that begins, or is under way; 0 at rest
    bool in_job = false;      // that run is a job's
    std::uint64_t drain = 0;  // the number of the drain that begins, or is under way
  };

  // `changed` is called after each change of the state, one call at a time and in order, before anybody who
  // waits for the change learns of it. It may read, must not change, and must not throw.
  LifeCycle(std::shared_ptr<const LoopName> loop, std::function<void()> changed);

  // Takes a command or refuses it (transitions.h), and makes the transition it begins with.
  HostResult<Admission> admit(Command command);
  // That drain, if it is under way, will be over by then.
  void limit_drain(std::uint64_t drain, WallTime deadline);
  // That drain is over: DRAINING becomes STOPPING, and so many connections will be cut. False if a start, a stop or an
  // end of the run was first.
  bool end_drain(std::uint64_t drain, std::uint64_t connections_cut);

  // What the loop's thread reports.
  void run_began();
  void run_ended(const std::optional<std::string>& error);  // an error makes a loop that ran for ever FAILED
  void closed() { set(LoopState::closed); }

  // The loop does not come to rest in time. It stays so until it is closed.
  void quarantine() { set(LoopState::quarantined); }

  // True once `run` has ended; false if the deadline passed.
  bool wait_for_end(std::uint64_t run, Deadline deadline);
  // True once `run` has ended, or its drain was undone by a start.
  bool wait_for_drain(std::uint64_t run, Deadline deadline);
  // True once that drain is not under way any more, for whatever reason.
  bool wait_for_drain_end(std::uint64_t drain, Deadline deadline);
  // True once the state is another one.
  bool wait_while(LoopState state, Deadline deadline);
  // True once the loop is at rest, or closed.
  bool wait_for_rest(Deadline deadline);

  [[nodiscard]] View view() const;
  [[nodiscard]] LoopState state() const;
  // RUNNING, and not only for a job.
  [[nodiscard]] bool runs_for_ever() const;

 private:
  template <class Change>
  auto change(Change make);
  void set(LoopState state);
  HostResult<Admission> take(Command command);
  LoopState begin(Command command);
  bool wait(Deadline deadline, const std::function<bool()>& condition);
  [[nodiscard]] bool drains(std::uint64_t drain) const;   // mutex_ is held
  [[nodiscard]] bool has_ended(std::uint64_t run) const;  // mutex_ is held

  const std::shared_ptr<const LoopName> loop_;
  const std::function<void()> changed_;

  std::mutex order_;  // held for a change and the telling of it
  mutable std::mutex mutex_;
  std::condition_variable told_;
  View view_;                            // guarded by mutex_
  LoopState rest_ = LoopState::created;  // guarded by mutex_: where a job goes back to
  std::uint64_t runs_ = 0;               // guarded by mutex_
  std::uint64_t ended_runs_ = 0;         // guarded by mutex_
  std::uint64_t drains_ = 0;             // guarded by mutex_
  bool telling_ = false;                 // guarded by mutex_: who waits has to wait a little longer
};

}  // namespace evloopd::host
