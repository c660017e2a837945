#pragma once

#include <sys/types.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "net/process/child.h"
#include "workloads/exec/options.h"

namespace evloopd::workloads {

// The one process that a name of a workload may have at a time, whichever share has started it: it leads a session and
// a process group of its own, and what is done to it is done to the group. Any thread.
class ProcessSlot : public std::enable_shared_from_this<ProcessSlot> {
 public:
  class Process;

  // Starts one in it; null: there is one, or `wanted` says no. Throws std::system_error, which names the program or the
  // directory that could not be had.
  [[nodiscard]] std::unique_ptr<Process> start(const ExecProgramOptions& options, const std::function<bool()>& wanted);
  // Waits until there is none: it is asked to end, and killed if it does not within its time. On the running loop.
  static evloop::Coro<void> vacate(std::shared_ptr<ProcessSlot> slot);

 private:
  struct Occupant {
    pid_t leader = 0;          // of the group
    evloop::UniqueFd ended{};  // readable once it has exited, whoever has reaped it
    int stop_signal = 0;
    nanoseconds stop_timeout{};
    bool asked = false;
    bool left = false;  // killed, and nobody's: it is not to be signalled, as its number may soon be another group's
  };
  struct Stop {
    pid_t leader;
    nanoseconds timeout;
  };

  // Sends it the stop signal, the first time that anybody asks.
  void ask(pid_t leader);
  void kill(pid_t leader);
  // Kills it, and makes room as soon as it is dead. Reaps it, if it is already.
  std::optional<int> leave(evloop::Child& child);
  // Asks whoever is there.
  [[nodiscard]] std::optional<Stop> ask_any();
  // Whether it is still there. `late`: it is killed, and makes room once it is dead, as its owner may be on a loop that
  // is stuck.
  [[nodiscard]] bool holds(pid_t leader, bool late);

  // Whether it is the one; with mutex_ held.
  [[nodiscard]] bool is_occupant(pid_t leader) const noexcept { return occupant_ && occupant_->leader == leader; }
  void signal(int number) const;
  void ask_occupant();

  std::mutex mutex_;
  std::optional<Occupant> occupant_;  // guarded by mutex_
};

// A process that was started, and our ends of its pipes. Destroyed, its whole group is killed. One thread.
class ProcessSlot::Process {
 public:
  Process(std::shared_ptr<ProcessSlot> slot, evloop::Child child, std::array<evloop::UniqueFd, 3> ends);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (!reaped_) slot_->leave(child_);
  }

  [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }
  // Readable once it has exited, be it with others of its group left or not.
  [[nodiscard]] int exit_fd() const noexcept { return child_.exit_fd(); }
  void ask() { slot_->ask(pid()); }
  void kill() { slot_->kill(pid()); }
  // It has exited: ends the others of its group, and answers as Child::reap() does.
  [[nodiscard]] int reap();

  // stdout and stderr.
  std::array<evloop::UniqueFd, 2> pipes;

 private:
  const std::shared_ptr<ProcessSlot> slot_;
  evloop::Child child_;
  bool reaped_ = false;
};

// The slots of a workload by name, for as long as somebody has them. They outlive a change of its programs. Any thread.
class ProcessSlots {
 public:
  [[nodiscard]] std::shared_ptr<ProcessSlot> of(const std::string& name);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<ProcessSlot>> slots_;  // guarded by mutex_
};

}  // namespace evloopd::workloads
