#pragma once

#include <source_location>
#include <type_traits>
#include <utility>

#include "aio/event_loop.h"

namespace evloop {

// asyncio's signal handlers: the loop calls a function when the process is sent a signal. One function a signal; the
// loop that asked last has it. Removed when the loop is closed (LIFE-38). Main thread only (SIG-04), so in a process
// whose loops run on other threads the signals stay with main().
//
// Each signal has an eventfd, which the loop watches and a handler of the kernel's adds to. Not a signalfd: that sees
// only what every thread of the process has blocked, and a library has no say over the threads of others. Whichever
// thread the kernel picks here, the loop wakes; system calls that it interrupts go on (SA_RESTART).

// Throws ValueError for what is no signal; LoopError for SIGKILL and SIGSTOP, a closed loop, another thread.
void install_signal_handler(EventLoop& loop, int signal, Ref<ScheduledCall> call);

// `function` runs as an ordinary callback, once for each signal that was delivered (SIG-01), instead of the one that
// was there (SIG-05). Cancelling the handle removes it at the next delivery (SIG-07). See install_signal_handler().
template <class F>
Handle add_signal_handler(EventLoop& loop, int signal, F&& function,
                          std::source_location where = std::source_location::current()) {
  static_assert(!is_coro<std::invoke_result_t<std::decay_t<F>&>>,
                "coroutines cannot be used with add_signal_handler()");
  Ref<ScheduledCall> call(make_call<FunctionCall>(std::forward<F>(function), WorkKind::callback, where));
  install_signal_handler(loop, signal, call);
  return Handle(std::move(call));
}

// True if this loop had one; the signal then does what it does by default, SIGINT what the runner wants (SIG-06).
// Throws ValueError for what is no signal.
bool remove_signal_handler(EventLoop& loop, int signal);

}  // namespace evloop
