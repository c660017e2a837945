#pragma once

#include <expected>
#include <map>
#include <string>

namespace evloopd::ctl {

// What evloopctl's exit status says. Scripts rely on it.
enum class ExitCode {
  ok = 0,
  other = 1,
  usage = 2,
  not_found = 3,
  wrong_state = 4,
  timeout = 5,
  unreachable = 6,
  denied = 7,
  partly = 8,
  invalid_config = 9,
};

// A call that failed: gRPC's code by name, and what the daemon says about it.
struct CallError {
  std::string code;    // "NOT_FOUND"
  std::string reason;  // "LOOP_NOT_FOUND"; empty when the daemon gave none, as when it was never reached
  std::string message;
  std::map<std::string, std::string> metadata;
};

template <class T>
using Answer = std::expected<T, CallError>;

[[nodiscard]] ExitCode exit_code(const CallError& error);

// What to do about it, in a sentence; empty when there is nothing to say. `loop` is the loop it was about, if any.
[[nodiscard]] std::string hint(const CallError& error, const std::string& loop);

// {"error": {"code": ..., "reason": ..., "message": ..., "metadata": {...}}}
[[nodiscard]] std::string to_json(const CallError& error);

}  // namespace evloopd::ctl
