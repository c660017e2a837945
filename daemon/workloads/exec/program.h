#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "host/snapshots.h"
#include "workloads/exec/options.h"
#include "workloads/exec/process_slot.h"

namespace evloopd::workloads {

// Which of a program's streams.
enum class OutputStream { std_out, std_err };

// How a run of a program has ended.
struct ProgramEnd {
  enum class Result { succeeded, failed, timed_out, stopped, not_started };
  static constexpr std::size_t results = 5;

  Result result = Result::succeeded;
  std::string text{};  // for people: "exited with 1"
  evloop::Duration ran{};
};

// How a program is.
struct ProgramSnapshot {
  enum class State { new_, running, stopping, waiting, at_rest };

  State state = State::new_;
  pid_t pid = 0;                         // while it runs
  host::WallTime since{};                // when it was started
  std::optional<host::WallTime> next{};  // while it waits: when it is started again
  std::optional<ProgramEnd> last_end{};
  host::WallTime last_success{};
  std::uint64_t starts = 0;
  std::array<std::uint64_t, ProgramEnd::results> ends{};  // by result
  std::uint64_t skipped = 0;                              // times of its schedule at which it was still running
  std::uint64_t unlogged = 0;                             // lines of its output that came too fast for the log
  std::array<std::deque<std::string>, 2> output{};        // by stream: its last lines
};

// One program of a workload, and what is known of it. Any thread.
class Program {
 public:
  static constexpr std::size_t lines_kept = 10;  // of each stream

  // Throws ValueError for options that settings/ would have refused.
  explicit Program(ExecProgramOptions options);

  [[nodiscard]] const ExecProgramOptions& options() const noexcept { return options_; }
  // Where its process is; set before anybody can start it.
  [[nodiscard]] const std::shared_ptr<ProcessSlot>& slot() const noexcept { return slot_; }
  void use(std::shared_ptr<ProcessSlot> slot) { slot_ = std::move(slot); }

  void started(pid_t pid);
  void stops();
  // `pid`: whose end it is; 0: it could not be started. Of one that is late, as its loop was stuck, only the count
  // changes.
  void ended(pid_t pid, ProgramEnd end);
  void waits(evloop::Duration delay);
  // It is not started any more.
  void rests();
  [[nodiscard]] bool is_at_rest() const;
  void skipped(std::uint64_t times);
  void wrote(OutputStream stream, std::string line);
  void not_logged();
  [[nodiscard]] ProgramSnapshot snapshot() const;

 private:
  const ExecProgramOptions options_;
  std::shared_ptr<ProcessSlot> slot_;

  mutable std::mutex mutex_;
  ProgramSnapshot known_;  // guarded by mutex_
};

}  // namespace evloopd::workloads
