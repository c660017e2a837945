#pragma once

#include <cstddef>
#include <string>

#include "aio/event_loop.h"
#include "host/workload.h"
#include "workloads/proxy/access_log.h"
#include "workloads/proxy/end_reason.h"

namespace evloopd::workloads {

class Session;

// Where sessions are entered when they end: counted by reason and, if there is an access log, written down. Lines are
// gathered, so that the log's thread is woken once for many. One of each share; loop thread only.
class SessionBook {
 public:
  static constexpr evloop::Duration interval = std::chrono::milliseconds(100);
  static constexpr std::size_t batch = 16 * 1024;  // bytes of lines

  // `log`: null if there is none. All outlive it.
  SessionBook(evloop::EventLoop& loop, EndCounters& counters, AccessLog* log) noexcept
      : loop_(loop), counters_(counters), log_(log) {}
  ~SessionBook() {
    timer_.cancel();
    flush();
  }
  SessionBook(const SessionBook&) = delete;
  SessionBook& operator=(const SessionBook&) = delete;

  // For the lines.
  void set_names(host::ShareNames names) { names_ = std::move(names); }
  void ended(const Session& session) noexcept;

 private:
  void write(const Session& session);
  void flush() noexcept;

  evloop::EventLoop& loop_;
  EndCounters& counters_;
  AccessLog* const log_;
  host::ShareNames names_;
  std::string lines_;
  std::size_t count_ = 0;  // of them
  evloop::TimerHandle timer_;
};

}  // namespace evloopd::workloads
