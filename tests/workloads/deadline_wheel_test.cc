#include "workloads/proxy/deadline_wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "base/clock.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;

class Thing final : public DeadlineWheel::Entry {
 public:
  explicit Thing(evloop::EventLoop& loop) : loop_(loop) {}
  void look() override {
    looked_at.push_back(loop_.time());
    if (wheel) wheel->join(*this, again);
  }

  std::vector<evloop::TimePoint> looked_at;
  DeadlineWheel* wheel = nullptr;  // to join again
  evloop::Duration again{};

 private:
  evloop::EventLoop& loop_;
};

class DeadlineWheelTest : public testing::Test {
 protected:
  ~DeadlineWheelTest() override { loop_.close(); }
  void pass(evloop::Duration time, evloop::Duration step = 100ms) {
    const evloop::EventLoop::RunScope scope(loop_);
    for (auto left = time; left > 0ns; left -= step) {
      clock_.advance(step);
      for (int i = 0; i < 2; ++i) {
        loop_.call_soon([] {});
        loop_.run_once();
      }
    }
  }
  void join(Thing& thing, evloop::Duration after) {
    const evloop::EventLoop::RunScope scope(loop_);
    wheel_.join(thing, after);
  }

  evloop::VirtualClock clock_;
  evloop::EventLoop loop_{
      evloop::EventLoop::Options{.selector = nullptr, .clock = &clock_, .default_exception_handler = {}}};
  DeadlineWheel wheel_{loop_, 1s};
};

TEST_F(DeadlineWheelTest, LooksAtAThingWhenItsTimeHasPassedAndATickLaterAtTheLatest) {
  for (const auto after : {0ns, evloop::Duration(100ms), evloop::Duration(1s), evloop::Duration(10500ms)}) {
    Thing thing(loop_);
    const auto joined = loop_.time();
    join(thing, after);
    pass(15s);
    ASSERT_EQ(thing.looked_at.size(), 1U);
    EXPECT_GE(thing.looked_at[0], joined + after);
    EXPECT_LE(thing.looked_at[0], joined + after + 1100ms);
  }
}

TEST_F(DeadlineWheelTest, LooksEarlyAtWhatIsFurtherAheadThanATurn) {
  Thing thing(loop_);
  join(thing, 1h);
  pass(70s);
  EXPECT_EQ(thing.looked_at.size(), 1U);
}

TEST_F(DeadlineWheelTest, ForgetsWhoLeaves) {
  Thing thing(loop_);
  join(thing, 1s);
  wheel_.leave(thing);
  wheel_.leave(thing);
  pass(5s);
  EXPECT_TRUE(thing.looked_at.empty());
}

TEST_F(DeadlineWheelTest, LooksOnceAtWhoJoinsTwice) {
  Thing thing(loop_);
  join(thing, 1s);
  join(thing, 5s);
  pass(4s);
  EXPECT_TRUE(thing.looked_at.empty());
  pass(5s);
  EXPECT_EQ(thing.looked_at.size(), 1U);
}

TEST_F(DeadlineWheelTest, TakesWhoJoinsWhileItIsLookedAt) {
  Thing thing(loop_);
  thing.wheel = &wheel_;
  thing.again = 0s;
  join(thing, 0s);
  pass(10s);
  EXPECT_GE(thing.looked_at.size(), 9U);
  EXPECT_LE(thing.looked_at.size(), 11U);
  wheel_.leave(thing);
}

TEST_F(DeadlineWheelTest, MissesNobodyWhenTheLoopWasHeldUp) {
  Thing near(loop_);
  Thing far(loop_);
  join(near, 1s);
  join(far, 50s);
  pass(200s, 200s);
  EXPECT_EQ(near.looked_at.size(), 1U);
  EXPECT_EQ(far.looked_at.size(), 1U);
  Thing later(loop_);
  join(later, 3s);
  pass(5s);
  EXPECT_EQ(later.looked_at.size(), 1U);
}

TEST_F(DeadlineWheelTest, KeepsNoTimerWhenNothingIsInIt) {
  Thing thing(loop_);
  join(thing, 1s);
  pass(3s);
  const auto before = loop_.port()->stats.timers_fired.get();
  pass(100s);
  EXPECT_EQ(loop_.port()->stats.timers_fired.get(), before);
}

// Many, at random, against what each of them expects.
TEST_F(DeadlineWheelTest, IsNeverMoreThanATickLate) {
  std::mt19937 random(std::random_device{}());
  std::vector<std::unique_ptr<Thing>> things;
  std::vector<evloop::TimePoint> due;
  for (int i = 0; i < 500; ++i) {
    const evloop::Duration after = std::chrono::milliseconds(std::uniform_int_distribution<int>(0, 60'000)(random));
    things.push_back(std::make_unique<Thing>(loop_));
    due.push_back(loop_.time() + after);
    join(*things.back(), after);
    pass(100ms);
  }
  pass(70s);
  for (std::size_t i = 0; i < things.size(); ++i) {
    ASSERT_EQ(things[i]->looked_at.size(), 1U);
    EXPECT_GE(things[i]->looked_at[0], due[i]);
    EXPECT_LE(things[i]->looked_at[0], due[i] + 1200ms);
  }
}

}  // namespace
}  // namespace evloopd::workloads
