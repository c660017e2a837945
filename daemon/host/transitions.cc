#include "host/transitions.h"

#include <array>

namespace evloopd::host {
namespace {

constexpr Verdict go{Answer::go};
constexpr Verdict join{Answer::join};
constexpr Verdict done{Answer::done};
constexpr Verdict busy{Answer::refuse, Reason::operation_in_progress};
constexpr Verdict runs{Answer::refuse, Reason::loop_already_running};
constexpr Verdict open{Answer::refuse, Reason::loop_running};
constexpr Verdict gone{Answer::refuse, Reason::loop_closed};
constexpr Verdict free{Answer::refuse, Reason::loop_not_stuck};
constexpr Verdict lost{Answer::refuse, Reason::loop_stalled};

constexpr std::size_t commands = 8;
struct Row {
  LoopState state;
  std::array<Verdict, commands> verdicts;
};

// A stop is never refused on a loop at rest, which remembers it for its next run. A loop that is draining runs
// again when it is started.
// clang-format off
constexpr std::array<Row, 10> table{{
    //                        start  stop  drain run_job asyncgens close replace remove
    {LoopState::created,     {go,   go,   done, go,   go,   go,   free, open}},
    {LoopState::starting,    {busy, go,   busy, busy, busy, open, go,   open}},
    {LoopState::running,     {runs, go,   go,   runs, go,   open, go,   open}},
    {LoopState::draining,    {go,   go,   join, runs, go,   open, go,   open}},
    {LoopState::stopping,    {busy, join, join, busy, busy, open, go,   open}},
    {LoopState::stopped,     {go,   go,   done, go,   go,   go,   free, open}},
    {LoopState::closing,     {busy, busy, busy, busy, busy, join, busy, busy}},
    {LoopState::closed,      {gone, gone, gone, gone, gone, done, gone, go}},
    {LoopState::failed,      {go,   go,   done, go,   go,   go,   free, open}},
    {LoopState::quarantined, {lost, lost, lost, lost, lost, lost, lost, lost}},
}};
// clang-format on

constexpr std::array<LoopState, table.size()> states() {
  std::array<LoopState, table.size()> all{};
  for (std::size_t i = 0; i < table.size(); ++i) all[i] = table[i].state;
  return all;
}

std::string allowed_states(Command command) {
  std::string text;
  for (const auto state : states()) {
    if (verdict(state, command).answer == Answer::refuse) continue;
    if (!text.empty()) text += ' ';
    text += state_name(state);
  }
  return text;
}

}  // namespace

const char* command_name(Command command) noexcept {
  switch (command) {
    case Command::start: return "start";
    case Command::stop: return "stop";
    case Command::drain: return "drain";
    case Command::run_job: return "run a job on";
    case Command::shutdown_asyncgens: return "shut down the generators of";
    case Command::close: return "close";
    case Command::replace: return "replace";
    case Command::remove: return "remove";
  }
  return "";
}

Verdict verdict(LoopState state, Command command) noexcept {
  for (const auto& row : table)
    if (row.state == state) return row.verdicts[static_cast<std::size_t>(command)];
  return busy;
}

bool is_at_rest(LoopState state) noexcept {
  return state == LoopState::created || state == LoopState::stopped || state == LoopState::failed;
}

HostError refusal(const std::string& loop, LoopState state, Command command, Reason reason) {
  const auto allowed = allowed_states(command);
  return {.reason = reason,
          .message = std::string("cannot ") + command_name(command) + " loop " + loop + ": it is " + state_name(state) +
                     "; possible when " + allowed,
          .metadata = {{"loop", loop}, {"state", state_name(state)}, {"allowed", allowed}}};
}

}  // namespace evloopd::host
