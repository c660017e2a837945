#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "host/token_bucket.h"
#include "workloads/exec/line_splitter.h"
#include "workloads/exec/process_slot.h"
#include "workloads/exec/program.h"

namespace evloopd::workloads {

// A process of a program, from its start to its end: reads what it writes, and ends it when it is told to. It has ended
// when it has exited and nobody has its pipes any more; what it leaves behind in its group is asked to end then, and
// killed after the time that it has for that. Destroyed, all of it is killed. Loop thread only.
//
// Of each stream a MiB is read in a second; one that writes more waits in its write.
class ProgramRun {
 public:
  using Line = std::function<void(OutputStream stream, std::string line)>;

  // Throws std::system_error.
  ProgramRun(evloop::EventLoop& loop, std::unique_ptr<ProcessSlot::Process> process, evloop::Duration stop_timeout,
             Line line);
  ProgramRun(const ProgramRun&) = delete;
  ProgramRun& operator=(const ProgramRun&) = delete;
  ~ProgramRun();

  // Its exit status, or the negative number of the signal that ended it.
  [[nodiscard]] const evloop::Future<int>& ended() const noexcept { return ended_; }
  // Asks it to end, and kills it when its time is over.
  void stop();
  void kill();

 private:
  struct Pipe {
    OutputStream stream{};
    evloop::UniqueFd fd{};
    LineSplitter lines{};
    host::TokenBucket pace{};  // of reads
    evloop::TimerHandle resume{};
  };

  void watch(Pipe& pipe);
  void unwatch(Pipe& pipe);
  // True: there may be more.
  bool read(Pipe& pipe);
  void read_at_pace(Pipe& pipe);
  void read_rest(Pipe& pipe);
  void close(Pipe& pipe);
  void exited();
  void finish_if_over();

  evloop::EventLoop& loop_;
  const evloop::Duration stop_timeout_;
  const Line line_;
  const evloop::Future<int> ended_;
  std::unique_ptr<ProcessSlot::Process> process_;  // null: it has ended
  std::array<Pipe, 2> pipes_;
  evloop::TimerHandle kill_;
  bool stopping_ = false;
  bool killed_ = false;
  bool exited_ = false;
};

}  // namespace evloopd::workloads
