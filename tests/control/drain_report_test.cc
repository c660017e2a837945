#include "control/drain_report.h"

#include <gmock/gmock.h>

#include <vector>

#include "evloopd/control/v1/loop_service.pb.h"

namespace evloopd::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class DrainReportTest : public testing::Test {
 protected:
  DrainReportTest() {
    loop.name = "io-0";
    loop.state = host::LoopState::draining;
    loop.is_running = true;
    loop.connections = 3;
    loop.counters.tasks_live = 5;
    loop.drain = host::DrainSnapshot{.deadline = host::WallTime(30s), .connections_cut = 0};
    loop.snapshot_time = host::WallTime(10s);
  }

  void tell(std::chrono::milliseconds now) { report.tell(loop, DrainReport::Time(now)); }
  std::vector<std::uint64_t> left() const {
    std::vector<std::uint64_t> counts;
    for (const auto& progress : sent) counts.push_back(progress.connections_left());
    return counts;
  }
  v1::DrainProgress finish(host::LoopState state) {
    loop.state = state;
    loop.is_running = state == host::LoopState::running;
    report.finish(loop);
    return sent.back();
  }

  host::LoopSnapshot loop;
  bool there = true;
  std::vector<v1::DrainProgress> sent;
  DrainReport report{[this](const v1::DrainProgress& progress) {
    sent.push_back(progress);
    return there;
  }};
};

TEST_F(DrainReportTest, BeginsAtOnce) {
  tell(0ms);
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].name(), "loops/io-0");
  EXPECT_EQ(sent[0].state(), v1::LOOP_STATE_DRAINING);
  EXPECT_EQ(sent[0].stage(), v1::DRAIN_STAGE_WAITING);
  EXPECT_EQ(sent[0].deadline().seconds(), 30);
  EXPECT_EQ(sent[0].connections_left(), 3U);
  EXPECT_EQ(sent[0].tasks_left(), 5U);
  EXPECT_EQ(sent[0].outcome(), v1::DRAIN_OUTCOME_UNSPECIFIED);
  EXPECT_EQ(sent[0].snapshot_time().seconds(), 10);
}

TEST_F(DrainReportTest, TellsChangesNotMoreOftenThanTenTimesASecond) {
  tell(0ms);
  loop.connections = 2;
  tell(20ms);
  loop.connections = 1;
  tell(99ms);
  tell(100ms);
  loop.connections = 0;
  tell(199ms);
  tell(200ms);
  EXPECT_THAT(left(), ElementsAre(3, 1, 0));
}

TEST_F(DrainReportTest, SaysEverySecondThatNothingHasChanged) {
  tell(0ms);
  loop.snapshot_time += 999ms;
  tell(999ms);
  EXPECT_THAT(left(), ElementsAre(3)) << "another time is no change";
  tell(1000ms);
  EXPECT_THAT(left(), ElementsAre(3, 3));
}

TEST_F(DrainReportTest, TellsTheEndWhateverWasToldBefore) {
  tell(0ms);
  loop.connections = 0;
  const auto last = finish(host::LoopState::stopped);
  EXPECT_EQ(sent.size(), 2U);
  EXPECT_EQ(last.stage(), v1::DRAIN_STAGE_DONE);
  EXPECT_EQ(last.outcome(), v1::DRAIN_OUTCOME_DRAINED);
}

TEST_F(DrainReportTest, CountsWhatWasCut) {
  loop.drain->connections_cut = 3;
  loop.state = host::LoopState::stopping;
  tell(0ms);
  EXPECT_EQ(sent.back().stage(), v1::DRAIN_STAGE_CUTTING);
  const auto last = finish(host::LoopState::stopped);
  EXPECT_EQ(last.outcome(), v1::DRAIN_OUTCOME_TIMEOUT);
  EXPECT_EQ(last.connections_cut(), 3U);
}

TEST_F(DrainReportTest, NamesWhoWasFirst) {
  EXPECT_EQ(finish(host::LoopState::stopped).outcome(), v1::DRAIN_OUTCOME_STOPPED) << "with three connections left";
  EXPECT_EQ(finish(host::LoopState::running).outcome(), v1::DRAIN_OUTCOME_STARTED);
}

TEST_F(DrainReportTest, IsSilentOnceNobodyListens) {
  there = false;
  tell(0ms);
  sent.clear();
  tell(5000ms);
  report.finish(loop);
  EXPECT_THAT(sent, IsEmpty());
}

}  // namespace
}  // namespace evloopd::control
