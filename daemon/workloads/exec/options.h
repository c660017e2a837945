#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

// What an exec takes. Plain values; settings/ fills them.
namespace evloopd::workloads {

using std::chrono::nanoseconds;

enum class ExecMode { supervise, schedule, once };
enum class ExecRestart { always, on_failure };
enum class ExecSignal { term, interrupt, quit, hangup, user_1, user_2, kill };

struct ExecProgramOptions {
  std::string name{};
  std::vector<std::string> command{};  // the program, absolute or looked for in its PATH, and its arguments
  std::map<std::string, std::string> environment{};  // beside the little that every program gets
  std::string directory = "/";
  ExecMode mode = ExecMode::supervise;

  // supervise
  ExecRestart restart = ExecRestart::always;
  nanoseconds restart_delay = std::chrono::seconds(1);  // doubled each time
  nanoseconds restart_delay_max = std::chrono::minutes(1);
  nanoseconds stable_after = std::chrono::minutes(1);  // one that ran so long is started again after the first delay

  // schedule
  nanoseconds interval{};  // from one beginning to the next

  // schedule and once
  nanoseconds timeout{};  // then it is stopped; 0: none

  ExecSignal stop_signal = ExecSignal::term;
  nanoseconds stop_timeout = std::chrono::seconds(10);  // then it is killed
  int log_rate = 100;                                   // lines of output in the log, each second at most

  friend bool operator==(const ExecProgramOptions&, const ExecProgramOptions&) = default;
};

// Runs programs.
struct ExecOptions {
  std::vector<ExecProgramOptions> programs{};  // each name once
  bool may_exec = false;                       // without it Exec refuses
};

}  // namespace evloopd::workloads
