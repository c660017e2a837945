#include "workloads/upstreams/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using State = Health::State;

constexpr evloop::TimePoint begin{1h};
const CheckOptions check{.rise = 2, .fall = 3};
const EjectionOptions ejection{.time = 10s, .longest = 25s};

TEST(Health, IsGoodUntilTheFirstCheck) { EXPECT_EQ(Health().state(begin), State::up); }

TEST(Health, IsBadAtOnceIfTheFirstCheckFails) {
  Health health;
  EXPECT_TRUE(health.checked(false, "refused", check, begin));
  EXPECT_EQ(health.state(begin), State::down);
}

TEST(Health, FallsAfterSoManyFailuresInARow) {
  Health health;
  EXPECT_FALSE(health.checked(true, "", check, begin));
  for (const bool passed : {false, false, true, false, false}) EXPECT_FALSE(health.checked(passed, "", check, begin));
  EXPECT_TRUE(health.checked(false, "", check, begin));
  EXPECT_EQ(health.state(begin), State::down);
}

TEST(Health, RisesAfterSoManyPassesInARow) {
  Health health;
  health.checked(false, "", check, begin);
  for (const bool passed : {true, false, true}) EXPECT_FALSE(health.checked(passed, "", check, begin));
  EXPECT_TRUE(health.checked(true, "", check, begin));
  EXPECT_EQ(health.state(begin), State::up);
}

TEST(Health, AnEjectionEndsByItself) {
  Health health;
  EXPECT_EQ(health.eject("", ejection, begin), begin + 10s);
  EXPECT_EQ(health.state(begin + 10s - 1ns), State::ejected);
  EXPECT_FALSE(health.readmitted(begin + 10s - 1ns));
  EXPECT_EQ(health.state(begin + 10s), State::up);
  EXPECT_TRUE(health.readmitted(begin + 10s));
  EXPECT_FALSE(health.readmitted(begin + 11s)) << "twice";
}

TEST(Health, AnEjectionSoonAfterAnotherIsLongerToALimit) {
  Health health;
  auto now = begin;
  for (const auto length : {10s, 20s, 25s, 25s}) {
    EXPECT_EQ(health.eject("", ejection, now), now + length);
    now += length + 1s;
    EXPECT_TRUE(health.readmitted(now));
  }
  now += 25s;
  EXPECT_EQ(health.eject("", ejection, now), now + 10s) << "it had done well for as long as it was out";
}

TEST(Health, WhatIsDownIsDownWhetherEjectedOrNot) {
  Health health;
  health.eject("", ejection, begin);
  health.checked(false, "", check, begin);
  EXPECT_EQ(health.state(begin), State::down);
  EXPECT_EQ(health.state(begin + 1h), State::down);
}

TEST(Health, ComesBackSlowly) {
  Health health;
  EXPECT_EQ(health.warmth(10s, begin).tenths, 10) << "what was never away is warm";
  health.checked(false, "", check, begin);
  health.checked(true, "", check, begin);
  health.checked(true, "", check, begin);
  EXPECT_EQ(health.warmth(0s, begin).tenths, 10);
  EXPECT_EQ(health.warmth(10s, begin).tenths, 1);
  EXPECT_EQ(health.warmth(10s, begin).until, begin + 1s);
  EXPECT_EQ(health.warmth(10s, begin + 4500ms).tenths, 5);
  EXPECT_EQ(health.warmth(10s, begin + 4500ms).until, begin + 5s);
  EXPECT_EQ(health.warmth(10s, begin + 9s).tenths, 10);
  EXPECT_EQ(health.warmth(10s, begin + 9s).until, evloop::TimePoint::max());
}

TEST(Health, RemembersItsLastChangesAndWhy) {
  Health health;
  const CheckOptions quick{.rise = 1, .fall = 1};
  for (int i = 0; i < 20; ++i) health.checked(i % 2 == 1, "reason " + std::to_string(i), quick, begin);
  ASSERT_EQ(health.history().size(), Health::history_length);
  EXPECT_EQ(health.history().front().reason, "reason 4");
  EXPECT_EQ(health.history().back().reason, "reason 19");
  EXPECT_EQ(health.history().back().state, State::up);
  EXPECT_GT(health.history().back().time.time_since_epoch(), 0s);
}

}  // namespace
}  // namespace evloopd::workloads
