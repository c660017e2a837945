// A loop that is held up in a callback: it holds up nobody else.

#include <gmock/gmock.h>

#include <thread>

#include "host/fixture.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using namespace host::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

class BlockedLoop : public HostTest {};

TEST_F(BlockedLoop, IsReadAtOnceWithWhatHoldsItUp) {
  create("io-0");
  const auto held = hold_up("io-0");
  const auto loop = get("io-0");
  EXPECT_EQ(loop.state, LoopState::running);
  ASSERT_TRUE(loop.current);
  EXPECT_EQ(loop.current->kind, "task");
  EXPECT_EQ(loop.current->task_name, "block");
  EXPECT_THAT(loop.current->site.file, HasSubstr("fixture.cc"));
  EXPECT_GT(loop.current->site.line, 0U);
  EXPECT_GT(loop.current->elapsed.count(), 0);
  const auto tasks = host->tasks("io-0");
  ASSERT_TRUE(tasks);
  ASSERT_EQ(tasks->tasks.size(), 1U);
  EXPECT_EQ(tasks->tasks[0].state, TaskState::running);
  EXPECT_EQ(tasks->tasks[0].name, "block");
  EXPECT_EQ(tasks->tasks[0].id, loop.current->task_id);
  gate.open();
}

TEST_F(BlockedLoop, AStopAnswersByItsDeadlineWithTheSiteAndIsDoneWhenItComesFree) {
  create("io-0");
  const auto held = hold_up("io-0");
  const auto stop = host->stop("io-0", in(30ms));
  ASSERT_FALSE(stop);
  EXPECT_EQ(stop.error().reason, Reason::stop_timeout);
  EXPECT_THAT(stop.error().message, AllOf(HasSubstr("io-0"), HasSubstr("\"block\""), HasSubstr("fixture.cc:")));
  EXPECT_THAT(stop.error().metadata.at("site"), HasSubstr("fixture.cc:"));
  EXPECT_EQ(stop.error().metadata.at("state"), "STOPPING");
  EXPECT_EQ(state("io-0"), LoopState::stopping);
  EXPECT_EQ(host->start("io-0", soon()).error().reason, Reason::operation_in_progress);
  EXPECT_EQ(host->close("io-0", CloseMode::raw, soon()).error().reason, Reason::loop_running);
  gate.open();
  EXPECT_TRUE(eventually([&] { return state("io-0") == LoopState::created; }));
  EXPECT_TRUE(job("io-0", "echo"));
}

TEST_F(BlockedLoop, StopsThatComeWhileOneIsUnderWayJoinIt) {
  create("io-0");
  const auto held = hold_up("io-0");
  std::vector<std::jthread> stops;
  std::atomic<int> stopped{0};
  for (int i = 0; i < 8; ++i)
    stops.emplace_back([&] {
      if (host->stop("io-0", soon())) ++stopped;
    });
  ASSERT_TRUE(eventually([&] { return state("io-0") == LoopState::stopping; }));
  gate.open();
  stops.clear();
  EXPECT_EQ(stopped, 8);
}

TEST_F(BlockedLoop, HoldsUpNoOtherLoop) {
  create("io-0");
  run("io-1");
  const auto held = hold_up("io-0");
  EXPECT_TRUE(host->stop("io-1", soon()));
  EXPECT_TRUE(job("io-1", "echo"));
  create("io-2");
  EXPECT_TRUE(host->close("io-1", CloseMode::graceful, soon()));
  EXPECT_EQ(host->list().size(), 3U);
  gate.open();
}

TEST_F(BlockedLoop, AStartThatMeetsAnOldCallbackAnswersByItsDeadlineAndRunsLater) {
  create("io-0");
  ASSERT_TRUE(job("io-0", "left")) << "a callback is queued that will block";
  const auto start = host->start("io-0", in(50ms));
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().reason, Reason::loop_stalled);
  EXPECT_THAT(start.error().metadata.at("site"), HasSubstr("fixture.cc:"));
  EXPECT_EQ(state("io-0"), LoopState::starting);
  ASSERT_TRUE(gate.wait_until_held());
  gate.open();
  EXPECT_TRUE(eventually([&] { return state("io-0") == LoopState::running; }));
}

TEST_F(BlockedLoop, IsFoundStalledAndThenNotReadyAndRecovers) {
  LoopOptions options;
  options.name = "io-0";
  options.stall_warn = 5ms;
  options.stall_critical = 10ms;
  ASSERT_TRUE(host->create(options));
  const auto doings = std::make_shared<Doings>();
  doings->on_attach = [&](evloop::EventLoop& loop) { loop.call_later(evloop::Duration::zero(), [&] { gate.pass(); }); };
  ASSERT_TRUE(host->add_workload({.name = "blocks", .loops = {"io-0"}, .listeners = {}}, make_greeter(doings)));
  static_cast<void>(host->start("io-0", in(1ms)));
  ASSERT_TRUE(gate.wait_until_held());
  EXPECT_TRUE(eventually([&] { return get("io-0").stalled; }));
  EXPECT_TRUE(eventually([&] { return condition(get("io-0"), "Stalled"); }));
  EXPECT_GE(get("io-0").stalls, 1U);
  gate.open();
  EXPECT_TRUE(eventually([&] { return !get("io-0").stalled && condition(get("io-0"), "Ready"); }));
  EXPECT_FALSE(condition(get("io-0"), "Stalled"));
  EXPECT_GE(get("io-0").stalls, 1U) << "the count stays";
}

TEST_F(BlockedLoop, CountsAsBusyWhileItIsHeldUp) {
  create("io-0");
  const auto held = hold_up("io-0");
  EXPECT_TRUE(eventually([&] { return get("io-0").utilisation_1s > 0.5; }));
  gate.open();
}

TEST_F(BlockedLoop, ACloseHeldUpByATaskThatTakesNoCancellationAnswersByItsDeadline) {
  create("io-0");
  EXPECT_FALSE(host->run_until_complete("io-0", {.kind = "stubborn", .options = {}}, in(20ms), nullptr));
  EXPECT_TRUE(host->stop("io-0", soon()));
  const auto close = host->close("io-0", CloseMode::graceful, in(30ms));
  ASSERT_FALSE(close);
  EXPECT_EQ(close.error().reason, Reason::loop_stalled);
  EXPECT_EQ(state("io-0"), LoopState::closing);
  EXPECT_EQ(host->start("io-0", soon()).error().reason, Reason::operation_in_progress);
}

}  // namespace
}  // namespace evloopd::host
