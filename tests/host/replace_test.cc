// Loops that take the place of others.

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <mutex>
#include <string>
#include <vector>

#include "host/fixture.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using namespace host::testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReplaceLoop : public GreeterTest {
 protected:
  ReplaceLoop() {
    doings->keeps_connections = true;
    doings->on_attach = [this](evloop::EventLoop& loop) { loops_.push_back(&loop); };
    host->on_state_change([this](const LoopSnapshot& loop) {
      const std::lock_guard lock(mutex_);
      told_.push_back(loop.name + ' ' + state_name(loop.state));
    });
  }
  ~ReplaceLoop() override {
    gate.open();
    host.reset();  // it must not tell a test that has gone
  }

  // Runs a loop with the greeter on it, of which one client is there. Answers the greeter's address.
  std::string run_with_client(const std::string& name) {
    LoopOptions options;
    options.name = name;
    options.labels = {{"zone", "a"}};
    options.stall_warn = 5ms;
    options.stall_critical = 10ms;
    EXPECT_TRUE(host->create(options));
    EXPECT_TRUE(host->start(name, soon()));
    const auto address = greet_on({name});
    client_ = connect_to(address);
    EXPECT_TRUE(eventually([&] { return get(name).connections == 1; }));
    return address;
  }
  // Holds the greeter's loop up until the gate opens.
  void block(const std::string& name) {
    loops_.at(0)->call_soon_threadsafe([this] { gate.pass(); });
    ASSERT_TRUE(gate.wait_until_held());
    ASSERT_TRUE(eventually([&] { return !condition(get(name), "Ready"); }));
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& loop : host->list()) names.push_back(loop.name);
    return names;
  }
  [[nodiscard]] std::vector<std::string> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  // How many have accepted somebody.
  [[nodiscard]] std::size_t accepting_threads() const {
    const std::lock_guard lock(doings->mutex);
    return doings->accepted.size();
  }
  // True if the connection of the first client ends.
  [[nodiscard]] bool client_is_cut() const {
    char byte = 0;
    while (::recv(client_.get(), &byte, 1, 0) > 0) {
    }
    return true;
  }

  evloop::UniqueFd client_;
  std::vector<evloop::EventLoop*> loops_;

 private:
  std::mutex mutex_;
  std::vector<std::string> told_;  // guarded by mutex_
};

TEST_F(ReplaceLoop, NewClientsAreServedWhileTheOldLoopIsStillStuck) {
  const auto address = run_with_client("io-0");
  const auto uid = get("io-0").uid;
  block("io-0");
  const auto waiting = connect_to(address);
  ASSERT_TRUE(waiting) << "in the queue of the only loop's socket";
  const auto done = host->replace("io-0", false, soon());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->loop.name, "io-0");
  EXPECT_EQ(done->loop.state, LoopState::running);
  EXPECT_EQ(done->loop.labels.at("zone"), "a");
  EXPECT_NE(done->loop.uid, uid);
  char byte = 0;
  EXPECT_EQ(::recv(waiting.get(), &byte, 1, 0), 1);
  EXPECT_TRUE(is_greeted(address));
  EXPECT_TRUE(condition(get("io-0"), "Accepting"));
  EXPECT_EQ(accepting_threads(), 2U);

  EXPECT_THAT(names(), ElementsAre("io-0", "io-0~1"));
  const auto old = get("io-0~1");
  EXPECT_EQ(old.uid, uid);
  EXPECT_TRUE(old.replaced);
  EXPECT_EQ(old.state, LoopState::quarantined);
  EXPECT_TRUE(old.stalled);
  ASSERT_TRUE(old.current);
  EXPECT_EQ(old.connections, 1U);
  EXPECT_FALSE(condition(old, "Accepting"));
  EXPECT_TRUE(host->tasks("io-0~1"));
  EXPECT_TRUE(eventually([&] { return host->workloads().at(0).connections_open == 3; }));

  gate.open();
  EXPECT_TRUE(client_is_cut());
  EXPECT_TRUE(eventually([&] { return names() == std::vector<std::string>{"io-0"}; })) << "it goes by itself";
  EXPECT_THAT(told(), Contains("io-0~1 CLOSED"));
  EXPECT_EQ(doings->shares, 1);
  EXPECT_EQ(host->workloads().at(0).connections_open, 2U) << "those of the fresh loop stay";
}

TEST_F(ReplaceLoop, TheOldLoopAcceptsNobodyWhenItComesFree) {
  const auto address = run_with_client("io-0");
  evloop::UniqueFd waiting;
  // What is found ready in the turn that is held up would be called before anything that the loop is told meanwhile.
  loops_.at(0)->call_soon_threadsafe([&] {
    loops_.at(0)->call_soon([&] { gate.pass(); });
    waiting = connect_to(address);
  });
  ASSERT_TRUE(gate.wait_until_held());
  ASSERT_TRUE(eventually([&] { return !condition(get("io-0"), "Ready"); }));
  ASSERT_FALSE(host->stop("io-0", in(1ms)));
  ASSERT_TRUE(host->replace("io-0", false, soon())) << "by one that does not run yet";
  gate.open();
  ASSERT_TRUE(eventually([&] { return names().size() == 1; }));
  EXPECT_EQ(host->workloads().at(0).connections_total, 1U) << "the first client alone";
  ASSERT_TRUE(host->start("io-0", soon()));
  char byte = 0;
  EXPECT_EQ(::recv(waiting.get(), &byte, 1, 0), 1) << "the fresh one serves who has waited";
}

TEST_F(ReplaceLoop, OneThatIsNotStuckIsRefusedUnlessByForce) {
  const auto address = run_with_client("io-0");
  const auto refused = host->replace("io-0", false, soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::loop_not_stuck);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("io-0"), HasSubstr("is not stuck")));
  EXPECT_EQ(refused.error().metadata.at("state"), "RUNNING");
  EXPECT_EQ(get("io-0").connections, 1U);
  const auto done = host->replace("io-0", true, soon());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(client_is_cut());
  EXPECT_TRUE(is_greeted(address));
  EXPECT_TRUE(eventually([&] { return names() == std::vector<std::string>{"io-0"}; }));
}

TEST_F(ReplaceLoop, OneThatDoesNotRunIsRefusedAlsoByForce) {
  create("io-0");
  EXPECT_EQ(host->replace("io-0", true, soon()).error().reason, Reason::loop_not_stuck);
  ASSERT_TRUE(host->close("io-0", CloseMode::graceful, soon()));
  EXPECT_EQ(host->replace("io-0", true, soon()).error().reason, Reason::loop_closed);
  EXPECT_EQ(host->replace("io-7", true, soon()).error().reason, Reason::loop_not_found);
}

TEST_F(ReplaceLoop, TheFreshOneRunsOnlyIfTheOldOneWasTo) {
  run_with_client("io-0");
  block("io-0");
  ASSERT_EQ(host->stop("io-0", in(1ms)).error().reason, Reason::stop_timeout);
  const auto done = host->replace("io-0", false, soon());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->loop.state, LoopState::created);
  EXPECT_EQ(done->replaced.state, LoopState::quarantined);
}

TEST_F(ReplaceLoop, TheOldOneTakesNoCommandAndNoWorkload) {
  run_with_client("io-0");
  block("io-0");
  ASSERT_TRUE(host->replace("io-0", false, soon()));
  EXPECT_EQ(host->replace("io-0~1", true, soon()).error().reason, Reason::loop_stalled);
  EXPECT_EQ(host->stop("io-0~1", soon()).error().reason, Reason::loop_stalled);
  EXPECT_EQ(host->remove("io-0~1").error().reason, Reason::loop_stalled);
  const auto added = host->add_workload({.name = "other", .loops = {"io-0~1"}, .listeners = {}}, make_greeter(doings));
  EXPECT_EQ(added.error().reason, Reason::loop_closed);
}

TEST_F(ReplaceLoop, EachOfSeveralHasANameOfItsOwn) {
  const auto address = run_with_client("io-0");
  block("io-0");
  ASSERT_TRUE(host->replace("io-0", false, soon()));
  const auto again = host->replace("io-0", true, soon());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->replaced.name, "io-0~2");
  EXPECT_TRUE(is_greeted(address));
  EXPECT_TRUE(eventually([&] { return names() == std::vector<std::string>{"io-0", "io-0~1"}; }));
  gate.open();
  EXPECT_TRUE(eventually([&] { return names() == std::vector<std::string>{"io-0"}; }));
}

TEST_F(ReplaceLoop, AWorkloadThatCannotRunOnTheFreshOneLeavesAllAsItIs) {
  run_with_client("io-0");
  doings->on_attach = [](evloop::EventLoop&) { throw std::runtime_error("no more"); };
  const auto refused = host->replace("io-0", true, soon());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no more"));
  EXPECT_THAT(names(), ElementsAre("io-0"));
  EXPECT_EQ(state("io-0"), LoopState::running);
  EXPECT_EQ(get("io-0").connections, 1U);
}

TEST_F(ReplaceLoop, AWorkloadIsChangedAndRemovedWhileTheOldOneIsStuck) {
  const auto address = run_with_client("io-0");
  block("io-0");
  ASSERT_TRUE(host->replace("io-0", false, soon()));
  ASSERT_TRUE(host->apply_workload({.name = "web", .loops = {"io-0"}, .listeners = {{.address = "127.0.0.1:0"}}},
                                   make_greeter(doings)));
  EXPECT_TRUE(is_greeted(address));
  EXPECT_TRUE(host->remove_workload("web"));
  gate.open();
  EXPECT_TRUE(client_is_cut());
}

TEST_F(ReplaceLoop, OneThatIsStillStuckAtShutdownIsNamed) {
  run_with_client("io-0");
  block("io-0");
  ASSERT_TRUE(host->replace("io-0", false, soon()));
  EXPECT_THAT(host->shutdown(0s, nullptr), ElementsAre("io-0~1"));
  EXPECT_EQ(state("io-0"), LoopState::closed);
  gate.open();
  EXPECT_TRUE(eventually([&] { return doings->shares == 0; }));
}

TEST_F(ReplaceLoop, OneWhoseTaskTakesNoCancellationIsClosedAtShutdown) {
  create("io-0");
  std::jthread caller([&] { static_cast<void>(job("io-0", "stubborn")); });
  ASSERT_TRUE(eventually([&] { return state("io-0") == LoopState::running; }));
  ASSERT_TRUE(host->replace("io-0", true, soon()));
  caller.join();
  EXPECT_EQ(state("io-0~1"), LoopState::quarantined);
  EXPECT_THAT(host->shutdown(0s, nullptr), ::testing::IsEmpty());
}

}  // namespace
}  // namespace evloopd::host
