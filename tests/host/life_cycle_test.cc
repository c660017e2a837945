// One loop's life, on real threads.

#include <gmock/gmock.h>

#include <mutex>
#include <set>
#include <vector>

#include "host/fixture.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using namespace host::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LifeCycle : public HostTest {};

TEST_F(LifeCycle, ALoopIsCreatedStartedStoppedStartedAgainClosedAndRemoved) {
  create("io-0");
  EXPECT_EQ(state("io-0"), LoopState::created);
  auto loop = host->start("io-0", soon());
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->state, LoopState::running);
  EXPECT_EQ(loop->desired, LoopState::running);
  EXPECT_TRUE(loop->is_running);
  EXPECT_TRUE(loop->started_at);
  loop = host->stop("io-0", soon());
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->state, LoopState::stopped);
  EXPECT_EQ(loop->desired, LoopState::stopped);
  EXPECT_FALSE(loop->is_running);
  ASSERT_TRUE(host->start("io-0", soon()));
  EXPECT_EQ(state("io-0"), LoopState::running);
  ASSERT_TRUE(host->stop("io-0", soon()));
  loop = host->close("io-0", CloseMode::graceful, soon());
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->state, LoopState::closed);
  EXPECT_TRUE(loop->is_closed);
  EXPECT_TRUE(host->close("io-0", CloseMode::raw, soon())) << "closing is idempotent";
  ASSERT_TRUE(host->remove("io-0"));
  EXPECT_EQ(host->get("io-0").error().reason, Reason::loop_not_found);
}

TEST_F(LifeCycle, AStopAtRestIsRememberedForTheNextRun) {
  create("io-0");
  auto loop = host->stop("io-0", soon());
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->state, LoopState::created);
  EXPECT_TRUE(loop->stop_pending);
  ASSERT_TRUE(host->start("io-0", soon()));
  EXPECT_TRUE(eventually([&] { return state("io-0") == LoopState::stopped; }));
  EXPECT_FALSE(get("io-0").stop_pending);
  ASSERT_TRUE(host->start("io-0", soon()));
  EXPECT_EQ(state("io-0"), LoopState::running);
}

TEST_F(LifeCycle, ARefusalNamesTheLoopItsStateAndWhatIsAllowed) {
  run("io-0");
  const auto start = host->start("io-0", soon());
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().reason, Reason::loop_already_running);
  EXPECT_THAT(start.error().message, HasSubstr("io-0"));
  EXPECT_EQ(start.error().metadata.at("state"), "RUNNING");
  EXPECT_EQ(host->close("io-0", CloseMode::raw, soon()).error().reason, Reason::loop_running);
  EXPECT_EQ(host->remove("io-0").error().reason, Reason::loop_running);
  EXPECT_EQ(job("io-0", "echo").error().reason, Reason::loop_already_running);
}

TEST_F(LifeCycle, AClosedLoopRefusesAllButCloseAndRemove) {
  create("io-0");
  ASSERT_TRUE(host->close("io-0", CloseMode::raw, soon()));
  EXPECT_EQ(host->start("io-0", soon()).error().reason, Reason::loop_closed);
  EXPECT_EQ(host->stop("io-0", soon()).error().reason, Reason::loop_closed);
  EXPECT_EQ(host->drain("io-0", soon()).error().reason, Reason::loop_closed);
  EXPECT_EQ(host->shutdown_asyncgens("io-0", soon()).error().reason, Reason::loop_closed);
  EXPECT_EQ(job("io-0", "echo").error().reason, Reason::loop_closed);
  EXPECT_TRUE(host->remove("io-0"));
}

TEST_F(LifeCycle, ARunThatFailsMakesTheLoopFailedAndItStartsAgain) {
  create("io-0");
  const auto doings = std::make_shared<Doings>();
  doings->on_attach = [](evloop::EventLoop& loop) { loop.call_soon([] { throw evloop::ExitRequest(3); }); };
  ASSERT_TRUE(host->add_workload({.name = "exits", .loops = {"io-0"}, .listeners = {}}, make_greeter(doings)));
  static_cast<void>(host->start("io-0", soon()));
  ASSERT_TRUE(eventually([&] { return state("io-0") == LoopState::failed; }));
  auto loop = get("io-0");
  EXPECT_THAT(loop.last_error, HasSubstr("ExitRequest"));
  EXPECT_EQ(loop.desired, LoopState::running) << "it is wanted all the same";
  EXPECT_EQ(loop.restarts, 0U);
  ASSERT_TRUE(host->start("io-0", soon()));
  loop = get("io-0");
  EXPECT_EQ(loop.state, LoopState::running);
  EXPECT_EQ(loop.restarts, 1U);
}

TEST_F(LifeCycle, NamesAreCheckedAndTaken) {
  for (const auto* name : {"", "IO", "-a", "a-", "a_b", "a b"}) {
    LoopOptions options;
    options.name = name;
    const auto made = host->create(options);
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().reason, Reason::bad_argument);
    EXPECT_EQ(made.error().metadata.at("given"), name);
  }
  create("io-0");
  LoopOptions again;
  again.name = "io-0";
  EXPECT_EQ(host->create(again).error().reason, Reason::loop_exists);
  EXPECT_EQ(host->start("nobody", soon()).error().reason, Reason::loop_not_found);
}

TEST_F(LifeCycle, ANewLoopOfAnOldNameHasAnotherUid) {
  create("io-0");
  const auto uid = get("io-0").uid;
  ASSERT_TRUE(host->close("io-0", CloseMode::raw, soon()));
  ASSERT_TRUE(host->remove("io-0"));
  create("io-0");
  EXPECT_NE(get("io-0").uid, uid);
}

TEST_F(LifeCycle, ListsLoopsByName) {
  for (const auto* name : {"b", "a", "c"}) create(name);
  std::vector<std::string> names;
  for (const auto& loop : host->list()) names.push_back(loop.name);
  EXPECT_THAT(names, ElementsAre("a", "b", "c"));
}

TEST_F(LifeCycle, TheThreadIsNamedAfterItsLoop) {
  create("a-rather-long-name");
  const auto loop = get("a-rather-long-name");
  EXPECT_EQ(loop.thread_name, "evl-a-rather-lo");
  EXPECT_GT(loop.thread_id, 0);
}

TEST_F(LifeCycle, TheListenerHearsEachStateInOrderAndBeforeTheCaller) {
  std::mutex mutex;
  std::vector<LoopState> heard;
  host->on_state_change([&](const LoopSnapshot& loop) {
    const std::lock_guard lock(mutex);
    heard.push_back(loop.state);
  });
  const auto last = [&] {
    const std::lock_guard lock(mutex);
    return heard.back();
  };
  run("io-0");
  EXPECT_EQ(last(), LoopState::running);
  ASSERT_TRUE(host->stop("io-0", soon()));
  EXPECT_EQ(last(), LoopState::stopped);
  ASSERT_TRUE(host->close("io-0", CloseMode::graceful, soon()));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(heard, ElementsAre(LoopState::created, LoopState::starting, LoopState::running, LoopState::stopping,
                                 LoopState::stopped, LoopState::closing, LoopState::closed));
}

TEST_F(LifeCycle, ReadyFollowsTheState) {
  create("io-0");
  EXPECT_FALSE(host::testing::condition(get("io-0"), "Ready"));
  ASSERT_TRUE(host->start("io-0", soon()));
  EXPECT_TRUE(host::testing::condition(get("io-0"), "Ready"));
  ASSERT_TRUE(host->stop("io-0", soon()));
  EXPECT_FALSE(host::testing::condition(get("io-0"), "Ready"));
}

TEST_F(LifeCycle, ShutsDownGeneratorsAtRestAndWhileItRuns) {
  create("io-0");
  auto loop = host->shutdown_asyncgens("io-0", soon());
  ASSERT_TRUE(loop) << loop.error().message;
  EXPECT_EQ(loop->state, LoopState::created) << "it goes back to where it was";
  ASSERT_TRUE(host->start("io-0", soon()));
  loop = host->shutdown_asyncgens("io-0", soon());
  ASSERT_TRUE(loop) << loop.error().message;
  EXPECT_EQ(loop->state, LoopState::running);
}

TEST_F(LifeCycle, BothSelectorsRun) {
  LoopOptions options;
  options.name = "polled";
  options.selector = SelectorKind::poll;
  ASSERT_TRUE(host->create(options));
  ASSERT_TRUE(host->start("polled", soon()));
  EXPECT_TRUE(host->stop("polled", soon()));
}

}  // namespace
}  // namespace evloopd::host
