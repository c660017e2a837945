#pragma once

#include <string>

#include "host/host_error.h"
#include "host/snapshots.h"

// Which command a loop takes in which state (control-plane API, state machine). Pure functions.
namespace evloopd::host {

enum class Command { start, stop, drain, run_job, shutdown_asyncgens, close, replace, remove };
[[nodiscard]] const char* command_name(Command command) noexcept;  // "start"

enum class Answer {
  go,      // do it
  join,    // it is being done already: wait for it
  done,    // nothing to do
  refuse,  // for the reason given
};

struct Verdict {
  Answer answer = Answer::go;
  Reason reason = Reason::internal;  // if refused
};
[[nodiscard]] Verdict verdict(LoopState state, Command command) noexcept;

// CREATED, STOPPED, FAILED: the thread waits for commands, the loop is open.
[[nodiscard]] bool is_at_rest(LoopState state) noexcept;

// The refusal as the caller gets it, with the states in which the command would be taken.
[[nodiscard]] HostError refusal(const std::string& loop, LoopState state, Command command, Reason reason);

}  // namespace evloopd::host
