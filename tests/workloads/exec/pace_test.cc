// When programs are started: Backoff and next_run().
#include <gmock/gmock.h>

#include "workloads/exec/backoff.h"
#include "workloads/exec/schedule.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using evloop::Duration;
using evloop::TimePoint;

// Up to 10 percent shorter or longer.
void expect_about(Duration delay, Duration expected) {
  EXPECT_GE(delay, expected * 9 / 10);
  EXPECT_LE(delay, expected * 11 / 10);
}

class BackoffTest : public testing::Test {
 protected:
  Backoff backoff_{{.restart_delay = 1s, .restart_delay_max = 5s, .stable_after = 1min}, 1};
};

TEST_F(BackoffTest, DoublesUpToItsLimit) {
  for (const auto expected : {1s, 2s, 4s, 5s, 5s}) expect_about(backoff_.next(0s), expected);
}

TEST_F(BackoffTest, BeginsAnewAfterARunThatWasLong) {
  for (const auto expected : {1s, 2s, 4s}) expect_about(backoff_.next(59s), expected);
  expect_about(backoff_.next(1min), 1s);
  expect_about(backoff_.next(0s), 2s);
}

TEST_F(BackoffTest, DelaysDiffer) {
  Backoff other({.restart_delay = 1s, .restart_delay_max = 5s, .stable_after = 1min}, 2);
  EXPECT_NE(backoff_.next(0s), other.next(0s));
}

TEST(NextRun, KeepsToTheGridAndSkipsWhatHasPassed) {
  const TimePoint begin(1h);
  const auto next = [&](Duration now) { return next_run(begin, 10s, begin + now); };
  const auto expect = [&](Duration now, Duration at, std::uint64_t skipped) {
    EXPECT_EQ(next(now).at, begin + at) << now;
    EXPECT_EQ(next(now).skipped, skipped) << now;
  };
  expect(0s, 10s, 0);
  expect(10s, 10s, 0);
  expect(10s + 1ns, 20s, 1);
  expect(20s, 20s, 1);
  expect(20s + 1ns, 30s, 2);
  expect(24h, 24h, 8639);
}

}  // namespace
}  // namespace evloopd::workloads
