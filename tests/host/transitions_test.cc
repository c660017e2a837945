#include "host/transitions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <ostream>
#include <vector>

namespace evloopd::host {

void PrintTo(LoopState state, std::ostream* out) { *out << state_name(state); }
void PrintTo(Reason reason, std::ostream* out) { *out << reason_name(reason); }

namespace {

using enum LoopState;

constexpr std::array all_states{created, starting, running, draining, stopping,
                                stopped, closing,  closed,  failed,   quarantined};

// The states in which a command is taken, and why it is refused in the others.
struct Rule {
  Command command;
  std::vector<LoopState> taken;
  std::map<LoopState, Reason> refused;
};

const std::vector<Rule> rules{
    {Command::start,
     {created, stopped, failed, draining},
     {{starting, Reason::operation_in_progress},
      {running, Reason::loop_already_running},
      {stopping, Reason::operation_in_progress},
      {closing, Reason::operation_in_progress},
      {closed, Reason::loop_closed},
      {quarantined, Reason::loop_stalled}}},
    {Command::run_job,
     {created, stopped, failed},
     {{starting, Reason::operation_in_progress},
      {running, Reason::loop_already_running},
      {draining, Reason::loop_already_running},
      {stopping, Reason::operation_in_progress},
      {closing, Reason::operation_in_progress},
      {closed, Reason::loop_closed},
      {quarantined, Reason::loop_stalled}}},
    {Command::stop,
     {created, starting, running, draining, stopping, stopped, failed},
     {{closing, Reason::operation_in_progress}, {closed, Reason::loop_closed}, {quarantined, Reason::loop_stalled}}},
    {Command::drain,
     {created, running, draining, stopping, stopped, failed},
     {{starting, Reason::operation_in_progress},
      {closing, Reason::operation_in_progress},
      {closed, Reason::loop_closed},
      {quarantined, Reason::loop_stalled}}},
    {Command::shutdown_asyncgens,
     {created, running, draining, stopped, failed},
     {{starting, Reason::operation_in_progress},
      {stopping, Reason::operation_in_progress},
      {closing, Reason::operation_in_progress},
      {closed, Reason::loop_closed},
      {quarantined, Reason::loop_stalled}}},
    {Command::close,
     {created, stopped, closing, closed, failed},
     {{starting, Reason::loop_running},
      {running, Reason::loop_running},
      {draining, Reason::loop_running},
      {stopping, Reason::loop_running},
      {quarantined, Reason::loop_stalled}}},
    {Command::replace,
     {starting, running, draining, stopping},
     {{created, Reason::loop_not_stuck},
      {stopped, Reason::loop_not_stuck},
      {closing, Reason::operation_in_progress},
      {closed, Reason::loop_closed},
      {failed, Reason::loop_not_stuck},
      {quarantined, Reason::loop_stalled}}},
    {Command::remove,
     {closed},
     {{created, Reason::loop_running},
      {starting, Reason::loop_running},
      {running, Reason::loop_running},
      {draining, Reason::loop_running},
      {stopping, Reason::loop_running},
      {stopped, Reason::loop_running},
      {closing, Reason::operation_in_progress},
      {failed, Reason::loop_running},
      {quarantined, Reason::loop_stalled}}},
};

TEST(Transitions, EveryCommandInEveryStateIsTakenOrRefusedForItsReason) {
  for (const auto& rule : rules) {
    for (const auto state : all_states) {
      SCOPED_TRACE(std::string(command_name(rule.command)) + " when " + state_name(state));
      const auto given = verdict(state, rule.command);
      if (const auto refused = rule.refused.find(state); refused != rule.refused.end()) {
        EXPECT_EQ(given.answer, Answer::refuse);
        EXPECT_EQ(given.reason, refused->second);
      } else {
        EXPECT_NE(given.answer, Answer::refuse);
        EXPECT_TRUE(std::ranges::find(rule.taken, state) != rule.taken.end());
      }
    }
  }
}

TEST(Transitions, ACommandThatIsUnderWayIsJoined) {
  EXPECT_EQ(verdict(stopping, Command::stop).answer, Answer::join);
  EXPECT_EQ(verdict(draining, Command::drain).answer, Answer::join);
  EXPECT_EQ(verdict(closing, Command::close).answer, Answer::join);
}

TEST(Transitions, ClosingAClosedLoopAndDrainingOneAtRestIsNothingToDo) {
  EXPECT_EQ(verdict(closed, Command::close).answer, Answer::done);
  EXPECT_EQ(verdict(stopped, Command::drain).answer, Answer::done);
}

TEST(Transitions, ARefusalNamesLoopStateAndWhatIsAllowed) {
  const auto error = refusal("io-0", running, Command::close, Reason::loop_running);
  EXPECT_EQ(error.reason, Reason::loop_running);
  EXPECT_EQ(error.message,
            "cannot close loop io-0: it is RUNNING; possible when CREATED STOPPED CLOSING CLOSED FAILED");
  EXPECT_EQ(error.metadata.at("loop"), "io-0");
  EXPECT_EQ(error.metadata.at("state"), "RUNNING");
  EXPECT_EQ(error.metadata.at("allowed"), "CREATED STOPPED CLOSING CLOSED FAILED");
}

}  // namespace
}  // namespace evloopd::host
