#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "aio/event_loop.h"
#include "host/bell.h"
#include "host/loop_host.h"
#include "host/thread_usage.h"

namespace evloopd::host {

// One thread and its event loop, which never leaves that thread. Others hand it functions; nobody ever waits
// for the thread in here. Any thread.
//
// Constructed, it is ready. Destroyed, its thread has ended, unless it is held up in a callback: then it is left
// to itself, and ends when it comes free. What the functions captured lives until then.
class Worker {
 public:
  using Function = std::move_only_function<void(evloop::EventLoop&)>;
  using Closed = std::move_only_function<void()>;

  // The loop rings the bell when it wakes up. Throws std::system_error if there is no thread or no descriptor to be
  // had.
  Worker(const std::string& loop_name, SelectorKind selector, std::shared_ptr<Bell> bell);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Has the thread call `function`, which must not throw, between runs and in order. It may run the loop.
  void execute(Function function);
  // The same, but also in the midst of a run, as a callback of the loop. Must not run the loop.
  void on_loop(Function function);
  // Between runs: calls `before`, closes and destroys the loop, calls `closed`, and ends the thread. What is
  // handed over later is dropped. Graceful: as asyncio.Runner does it; a stop() ends it early.
  void close(CloseMode mode, Function before, Closed closed);

  // The loop's any-thread half; outlives it.
  [[nodiscard]] const std::shared_ptr<evloop::LoopPort>& port() const noexcept;
  [[nodiscard]] std::int64_t thread_id() const noexcept;
  [[nodiscard]] const std::string& thread_name() const noexcept;
  // Of a thread that has ended: what it had at its end.
  [[nodiscard]] ThreadUsage usage() const;
  // The thread has ended, or is about to without calling anything any more.
  [[nodiscard]] bool finished() const;

 private:
  class Core;
  const std::shared_ptr<Core> core_;  // shared with the thread, which may outlive this
};

}  // namespace evloopd::host
