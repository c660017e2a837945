// DrainLoop over the daemon's sockets.

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "control/caller.h"
#include "control/test_daemon.h"

namespace evloopd::control {
namespace {

using namespace std::chrono_literals;
using control::testing::Caller;
using control::testing::metadata_of;
using control::testing::patience;
using control::testing::reason_of;
using control::testing::TestDaemon;
using grpc::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One call of DrainLoop.
class Drain {
 public:
  explicit Drain(Caller& caller, const std::string& name = "loops/io-0", std::chrono::nanoseconds timeout = patience) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout));
    v1::DrainLoopRequest request;
    request.set_name(name);
    stream_ = caller.loops.DrainLoop(&context_, request);
  }

  // The next message; one without a name when there is none.
  v1::DrainProgress next() {
    v1::DrainProgress progress;
    stream_->Read(&progress);
    return progress;
  }
  // The first message of which that is true, or the last.
  template <class Condition>
  v1::DrainProgress wait_for(Condition condition) {
    v1::DrainProgress progress;
    while (stream_->Read(&progress) && !condition(progress)) {
    }
    return progress;
  }
  v1::DrainProgress last() {
    return wait_for([](const auto&) { return false; });
  }
  grpc::Status finish() { return stream_->Finish(); }
  void cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::DrainProgress>> stream_;
};

class DrainLoop : public ::testing::Test {
 protected:
  v1::LoopState state() {
    v1::Loop answer;
    EXPECT_TRUE(admin.get("io-0", answer).ok());
    return answer.state();
  }

  TestDaemon daemon;
  Caller admin{daemon.admin_target()};
  Caller observer{daemon.observe_target()};
};

TEST_F(DrainLoop, TellsWhatIsLeftUntilTheLoopIsAtRest) {
  const auto held = daemon.run_loop_with(2, "io-0");
  Drain drain(admin);
  const auto first = drain.next();
  EXPECT_EQ(first.name(), "loops/io-0");
  EXPECT_EQ(first.state(), v1::LOOP_STATE_DRAINING);
  EXPECT_EQ(first.stage(), v1::DRAIN_STAGE_WAITING);
  EXPECT_EQ(first.connections_left(), 2U);
  EXPECT_GT(first.deadline().seconds(), first.snapshot_time().seconds());
  held->connections = 1;
  EXPECT_EQ(drain.wait_for([](const auto& now) { return now.connections_left() < 2; }).connections_left(), 1U);
  held->connections = 0;
  const auto last = drain.last();
  EXPECT_EQ(last.state(), v1::LOOP_STATE_STOPPED);
  EXPECT_EQ(last.stage(), v1::DRAIN_STAGE_DONE);
  EXPECT_EQ(last.outcome(), v1::DRAIN_OUTCOME_DRAINED);
  EXPECT_EQ(last.connections_cut(), 0U);
  EXPECT_TRUE(drain.finish().ok());
  EXPECT_EQ(held->drained, 1);
}

TEST_F(DrainLoop, CuttingWhatIsLeftAtItsDeadlineIsASuccessThatCountsIt) {
  const auto held = daemon.run_loop_with(2, "io-0");
  Drain drain(admin, "loops/io-0", 1s);
  const auto last = drain.last();
  EXPECT_EQ(last.state(), v1::LOOP_STATE_STOPPED);
  EXPECT_EQ(last.outcome(), v1::DRAIN_OUTCOME_TIMEOUT);
  EXPECT_EQ(last.connections_cut(), 2U);
  EXPECT_TRUE(drain.finish().ok());
  EXPECT_EQ(held->connections, 0U);
}

TEST_F(DrainLoop, ASecondCallJoinsTheDrainThatIsUnderWay) {
  const auto held = daemon.run_loop_with(1, "io-0");
  Drain first(admin);
  const auto begun = first.wait_for([](const auto& now) { return now.has_deadline(); });
  Drain second(admin);
  EXPECT_EQ(second.next().deadline().seconds(), begun.deadline().seconds());
  held->connections = 0;
  EXPECT_EQ(first.last().outcome(), v1::DRAIN_OUTCOME_DRAINED);
  EXPECT_EQ(second.last().outcome(), v1::DRAIN_OUTCOME_DRAINED);
  EXPECT_TRUE(first.finish().ok());
  EXPECT_TRUE(second.finish().ok());
  EXPECT_EQ(held->drained, 1);
}

TEST_F(DrainLoop, CancellingTheCallDoesNotUndoIt) {
  const auto held = daemon.run_loop_with(1, "io-0");
  Drain drain(admin);
  EXPECT_EQ(drain.next().state(), v1::LOOP_STATE_DRAINING);
  drain.cancel();
  EXPECT_EQ(drain.finish().error_code(), StatusCode::CANCELLED);
  EXPECT_EQ(state(), v1::LOOP_STATE_DRAINING);
  Drain again(admin);
  EXPECT_EQ(again.next().connections_left(), 1U);
  held->connections = 0;
  EXPECT_EQ(again.last().outcome(), v1::DRAIN_OUTCOME_DRAINED);
  EXPECT_EQ(held->drained, 1);
}

TEST_F(DrainLoop, AStartUndoesItAndIsWhatTheLastMessageTells) {
  const auto held = daemon.run_loop_with(1, "io-0");
  Drain drain(admin);
  ASSERT_EQ(drain.next().state(), v1::LOOP_STATE_DRAINING);
  ASSERT_TRUE(admin.start("io-0").ok());
  const auto last = drain.last();
  EXPECT_EQ(last.state(), v1::LOOP_STATE_RUNNING);
  EXPECT_EQ(last.outcome(), v1::DRAIN_OUTCOME_STARTED);
  EXPECT_EQ(last.connections_left(), 1U);
  EXPECT_TRUE(drain.finish().ok());
}

TEST_F(DrainLoop, AStopEndsItWithTheConnectionsThatAreLeft) {
  const auto held = daemon.run_loop_with(1, "io-0");
  Drain drain(admin);
  ASSERT_EQ(drain.next().state(), v1::LOOP_STATE_DRAINING);
  ASSERT_TRUE(admin.stop("io-0").ok());
  const auto last = drain.last();
  EXPECT_EQ(last.state(), v1::LOOP_STATE_STOPPED);
  EXPECT_EQ(last.outcome(), v1::DRAIN_OUTCOME_STOPPED);
  EXPECT_EQ(last.connections_left(), 1U);
  EXPECT_TRUE(drain.finish().ok());
}

TEST_F(DrainLoop, OfALoopAtRestIsDoneAtOnce) {
  ASSERT_TRUE(admin.create("io-0").ok());
  Drain drain(admin);
  const auto last = drain.last();
  EXPECT_EQ(last.state(), v1::LOOP_STATE_CREATED);
  EXPECT_EQ(last.outcome(), v1::DRAIN_OUTCOME_DRAINED);
  EXPECT_FALSE(last.has_deadline());
  EXPECT_TRUE(drain.finish().ok());
}

TEST_F(DrainLoop, ALoopThatIsHeldUpIsNamedWhenTheTimeIsOver) {
  ASSERT_TRUE(admin.create("io-0").ok());
  auto held = control::testing::in_background([this] { return admin.run("io-0", "block", {}); });
  ASSERT_TRUE(daemon.block.wait_until_held());
  Drain drain(admin, "loops/io-0", 500ms);
  EXPECT_EQ(drain.last().outcome(), v1::DRAIN_OUTCOME_UNSPECIFIED);
  const auto status = drain.finish();
  EXPECT_EQ(status.error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(reason_of(status), "STOP_TIMEOUT");
  EXPECT_THAT(metadata_of(status, "site"), HasSubstr("test_daemon.cc:"));
  daemon.block.open();
  static_cast<void>(held.get());
}

TEST_F(DrainLoop, IsForOperatorsAndAudited) {
  const auto held = daemon.run_loop_with(0, "io-0");
  Drain refused(observer);
  EXPECT_THAT(refused.last().name(), IsEmpty());
  EXPECT_EQ(metadata_of(refused.finish(), "needed_role"), "operator");
  EXPECT_EQ(state(), v1::LOOP_STATE_RUNNING);
  Drain lost(admin, "loops/nobody");
  lost.last();
  EXPECT_EQ(reason_of(lost.finish()), "LOOP_NOT_FOUND");
  Drain wrong(admin, "io-0");
  wrong.last();
  EXPECT_EQ(metadata_of(wrong.finish(), "field"), "name");
  Drain drain(admin);
  drain.last();
  ASSERT_TRUE(drain.finish().ok());

  std::vector<std::string> outcomes;
  for (const auto& record : daemon.audit()) outcomes.push_back(record.method + ' ' + record.outcome);
  EXPECT_THAT(outcomes, ::testing::ElementsAre("DrainLoop ROLE_TOO_LOW", "DrainLoop LOOP_NOT_FOUND",
                                               "DrainLoop BAD_ARGUMENT", "DrainLoop OK"));
}

}  // namespace
}  // namespace evloopd::control
