// Going down: all loops at once, bounded whatever they do.

#include <gmock/gmock.h>

#include <thread>

#include "host/fixture.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using namespace host::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Shutdown : public GreeterTest {};

TEST_F(Shutdown, ClosesEveryLoop) {
  create("created");
  run("running");
  run("stopped");
  ASSERT_TRUE(host->stop("stopped", soon()));
  create("closed");
  ASSERT_TRUE(host->close("closed", CloseMode::raw, soon()));
  EXPECT_THAT(host->shutdown(0s, nullptr), IsEmpty());
  for (const auto& loop : host->list()) EXPECT_EQ(loop.state, LoopState::closed) << loop.name;
}

TEST_F(Shutdown, RefusesChangesFromThenOnAndAnswersReads) {
  run("io-0");
  greet_on({"io-0"});
  EXPECT_THAT(host->shutdown(0s, nullptr), IsEmpty());
  LoopOptions options;
  options.name = "late";
  EXPECT_EQ(host->create(options).error().reason, Reason::daemon_shutting_down);
  EXPECT_EQ(host->start("io-0", soon()).error().reason, Reason::daemon_shutting_down);
  EXPECT_EQ(job("io-0", "echo").error().reason, Reason::daemon_shutting_down);
  EXPECT_EQ(host->remove("io-0").error().reason, Reason::daemon_shutting_down);
  const auto late = host->add_workload({.name = "late", .loops = {"io-0"}, .listeners = {}}, make_greeter(doings));
  EXPECT_EQ(late.error().reason, Reason::daemon_shutting_down);
  EXPECT_EQ(host->list().size(), 1U);
  EXPECT_EQ(host->workloads().size(), 1U);
}

TEST_F(Shutdown, RefusesConnectionsAtOnceAndWaitsForThoseThatAreOpen) {
  doings->keeps_connections = true;
  run("io-0");
  const auto address = greet_on({"io-0"});
  auto client = connect_to(address);
  ASSERT_TRUE(eventually([&] { return get("io-0").connections == 1; }));
  std::atomic<bool> hurry{false};
  std::atomic<bool> down{false};
  std::jthread shutdown([&] {
    EXPECT_THAT(host->shutdown(1h, [&] { return hurry.load(); }), IsEmpty());
    down = true;
  });
  EXPECT_TRUE(eventually([&] { return !connect_to(address); }));
  EXPECT_EQ(state("io-0"), LoopState::draining);
  EXPECT_FALSE(down);
  hurry = true;
  shutdown.join();
  EXPECT_EQ(doings->drained, 1);
  EXPECT_EQ(host->workloads().at(0).connections_open, 0U) << "what was left is cut";
}

TEST_F(Shutdown, EndsAJobThatRuns) {
  create("io-0");
  HostResult<std::string> answer;
  std::jthread caller([&] { answer = job("io-0", "forever"); });
  ASSERT_TRUE(eventually([&] { return state("io-0") == LoopState::running; }));
  EXPECT_THAT(host->shutdown(1h, nullptr), IsEmpty());
  caller.join();
  EXPECT_EQ(answer.error().reason, Reason::loop_stopped_early);
}

TEST_F(Shutdown, NamesALoopThatIsStuckAndItsThreadEndsWhenItComesFree) {
  run("io-1");
  create("io-0");
  ASSERT_TRUE(host->add_workload({.name = "web", .loops = {"io-0"}, .listeners = {{.address = "127.0.0.1:0"}}},
                                 make_greeter(doings)));
  auto held = hold_up("io-0");
  EXPECT_THAT(host->shutdown(0s, nullptr), ElementsAre("io-0"));
  EXPECT_EQ(state("io-0"), LoopState::quarantined);
  EXPECT_EQ(state("io-1"), LoopState::closed);
  // The caller of the job waits in the host: it is over before the host goes.
  gate.open();
  held.join();
  EXPECT_TRUE(eventually([&] { return state("io-0") == LoopState::closed; }));
}

TEST_F(Shutdown, AStuckLoopMayOutliveTheHost) {
  evloop::EventLoop* loop = nullptr;
  doings->on_attach = [&](evloop::EventLoop& attached) { loop = &attached; };
  run("io-0");
  greet_on({"io-0"});
  loop->call_soon_threadsafe([&] { gate.pass(); });
  ASSERT_TRUE(gate.wait_until_held());
  host.reset();
  EXPECT_FALSE(doings->destroyed) << "its loop has a share of it";
  gate.open();
  EXPECT_TRUE(eventually([&] { return doings->destroyed.load(); }));
  EXPECT_EQ(doings->shares, 0);
}

TEST_F(Shutdown, ATaskThatTakesNoCancellationIsLeftBehind) {
  create("io-0");
  std::jthread caller([&] { static_cast<void>(job("io-0", "stubborn")); });
  ASSERT_TRUE(eventually([&] { return state("io-0") == LoopState::running; }));
  EXPECT_THAT(host->shutdown(0s, nullptr), IsEmpty());
  EXPECT_EQ(state("io-0"), LoopState::closed);
}

TEST_F(Shutdown, ASecondOneAnswersTheSame) {
  run("io-0");
  EXPECT_THAT(host->shutdown(0s, nullptr), IsEmpty());
  EXPECT_THAT(host->shutdown(1h, nullptr), IsEmpty());
}

}  // namespace
}  // namespace evloopd::host
