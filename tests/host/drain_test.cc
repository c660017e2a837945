#include <gtest/gtest.h>

#include "host/life_cycle.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;

class Drain : public testing::Test {
 protected:
  LifeCycle::Admission admit(Command command) { return life_.admit(command).value(); }
  void run() {
    admit(Command::start);
    life_.run_began();
  }

  LifeCycle life_{std::make_shared<LoopName>("io-0"), [] {}};
};

TEST_F(Drain, ItsEndStopsTheLoop) {
  run();
  const auto drain = admit(Command::drain);
  EXPECT_FALSE(life_.wait_for_drain_end(drain.drain, std::chrono::steady_clock::now()));
  EXPECT_TRUE(life_.end_drain(drain.drain, 0));
  EXPECT_EQ(life_.state(), LoopState::stopping);
}

TEST_F(Drain, AStartUndoesIt) {
  run();
  const auto drain = admit(Command::drain);
  admit(Command::start);
  EXPECT_TRUE(life_.wait_for_drain_end(drain.drain, std::chrono::steady_clock::now()));
  EXPECT_FALSE(life_.end_drain(drain.drain, 0));
  EXPECT_EQ(life_.state(), LoopState::running);
}

// Who leads a drain may be late: the loop has been started again, and is in a drain of its next run.
TEST_F(Drain, IsNotEndedByTheLeaderOfAnEarlierOne) {
  run();
  const auto early = admit(Command::drain);
  admit(Command::stop);
  life_.run_ended(std::nullopt);
  run();
  const auto late = admit(Command::drain);
  EXPECT_TRUE(life_.wait_for_drain_end(early.drain, std::chrono::steady_clock::now()));
  EXPECT_FALSE(life_.end_drain(early.drain, 0));
  EXPECT_EQ(life_.state(), LoopState::draining);
  EXPECT_TRUE(life_.end_drain(late.drain, 0));
}

TEST_F(Drain, TellsUntilTheNextStartHowItWent) {
  EXPECT_FALSE(life_.view().drain);
  run();
  const auto drain = admit(Command::drain);
  EXPECT_FALSE(life_.view().drain.value().deadline);
  const WallTime noon(12h);
  life_.limit_drain(drain.drain, noon);
  EXPECT_EQ(life_.view().drain.value().deadline, noon);
  EXPECT_TRUE(life_.end_drain(drain.drain, 3));
  life_.run_ended(std::nullopt);
  EXPECT_EQ(life_.view().drain.value().connections_cut, 3U);
  admit(Command::start);
  EXPECT_FALSE(life_.view().drain);
  life_.limit_drain(drain.drain, noon);
  EXPECT_FALSE(life_.view().drain) << "that drain is over";
}

}  // namespace
}  // namespace evloopd::host
