#pragma once

#include "aio/event_loop.h"
#include "base/unique_fd.h"

namespace evloop {

// SIGINT as asyncio's runner takes it (RUN-10 to RUN-12), for the time of one run: the first cancels the main
// task, a further one throws Interrupt out of the run, or ends the process if the loop has not even taken
// the first. Does nothing outside the main thread, or where SIGINT has a handler already.
class InterruptScope {
 public:
  InterruptScope(EventLoop& loop, FutureBase& main);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  // After the main task ended with CancelledError: throws Interrupt if nobody but SIGINT cancelled it.
  void rethrow_as_interrupt() const;

 private:
  void interrupted();

  EventLoop& loop_;
  FutureBase& main_;
  UniqueFd signalled_;  // empty: not installed
  int count_ = 0;
};

// What SIGINT does when the program has no handler for it: the scope's, while there is one, else the default. For
// sigaction().
[[nodiscard]] void (*interrupt_disposition() noexcept)(int);

}  // namespace evloop
