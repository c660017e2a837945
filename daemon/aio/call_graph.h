#pragma once

#include <cstdio>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "aio/event_loop.h"

namespace evloop {

// A future, where the task that it may be stands, and who waits for it (INTRO-02).
struct FutureCallGraph {
  FutureRef future;
  // The task's coroutines, innermost first, each at its co_await. Of deep chains the middle is not kept (TaskRecord).
  // Of the current task the innermost is the caller. Empty for what is no task, and when it is done.
  std::vector<std::source_location> call_stack{};
  // In the order in which they came. One that is on the way to here already, as tasks wait for each other in a circle,
  // comes without its own.
  std::vector<FutureCallGraph> awaited_by{};
};

struct CallGraphOptions {
  // Of the current task only: 1 begins with the caller, each one more leaves out one more of the newest.
  std::size_t depth = 1;
  // n > 0 keeps the n entries nearest the task's own coroutine, n < 0 the n innermost, 0 none (INTRO-03).
  std::optional<int> limit = std::nullopt;
};

// Of the current task, called from one of its coroutines; nothing inside a plain callback. Throws LoopError without a
// running loop.
[[nodiscard]] std::optional<FutureCallGraph> capture_call_graph(
    CallGraphOptions options = {}, std::source_location where = std::source_location::current());
// Of `future`, on its loop's thread. Throws TypeError if there is none.
[[nodiscard]] FutureCallGraph capture_call_graph(const FutureRef& future, CallGraphOptions options = {},
                                                 std::source_location where = std::source_location::current());

// As text (INTRO-04); of no current task: empty.
[[nodiscard]] std::string format_call_graph(const FutureCallGraph& graph);
[[nodiscard]] std::string format_call_graph(CallGraphOptions options = {},
                                            std::source_location where = std::source_location::current());
void print_call_graph(CallGraphOptions options = {}, std::FILE* file = stdout,
                      std::source_location where = std::source_location::current());

// All unfinished tasks of a loop as trees, each below the coroutine that waits for it, on the loop's thread. Throws
// LoopError, naming the cycles, if tasks wait for each other in a circle (INTRO-06).
[[nodiscard]] std::string format_task_trees(const EventLoop& loop);

}  // namespace evloop
