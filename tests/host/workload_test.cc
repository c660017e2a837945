// Workloads on loops: attached, counted, drained, cut.

#include <gmock/gmock.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "host/fixture.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using namespace host::testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WorkloadOnLoops : public GreeterTest {};

class IdleShare final : public WorkloadShare {
 public:
  void accepted(Accepted /*connection*/) override {}
  [[nodiscard]] std::size_t connections() const override { return 0; }
  void drain() override {}
  void abort() override {}
};

// Notes what happens to it, beside those it has the place of.
class Heir final : public Workload {
 public:
  explicit Heir(std::shared_ptr<std::vector<std::string>> notes) : notes_(std::move(notes)) {}
  [[nodiscard]] std::string_view kind() const override { return "test.heir"; }
  [[nodiscard]] std::unique_ptr<WorkloadShare> attach(evloop::EventLoop& /*loop*/) override {
    notes_->emplace_back("attached");
    return std::make_unique<IdleShare>();
  }
  void succeed(Workload& before) override { notes_->push_back("succeeds " + std::string(before.kind())); }

 private:
  const std::shared_ptr<std::vector<std::string>> notes_;
};

TEST_F(WorkloadOnLoops, ServesAndIsCounted) {
  run("io-0");
  const auto address = greet_on({"io-0"});
  EXPECT_TRUE(is_greeted(address));
  EXPECT_TRUE(is_greeted(address));
  // Counted just after it was sent.
  EXPECT_TRUE(eventually([&] { return host->workloads().at(0).bytes_out == 2; }));
  const auto workloads = host->workloads();
  ASSERT_EQ(workloads.size(), 1U);
  EXPECT_EQ(workloads[0].name, "web");
  EXPECT_EQ(workloads[0].kind, "test.greeter");
  EXPECT_THAT(workloads[0].loops, ElementsAre("io-0"));
  EXPECT_EQ(workloads[0].connections_total, 2U);
  EXPECT_TRUE(host::testing::condition(get("io-0"), "Accepting"));
}

TEST_F(WorkloadOnLoops, ConnectionsOfALoopAreCountedWhileItIsBlocked) {
  const auto client = keep_one_on("io-0");
  doings->on_attach = [&](evloop::EventLoop& loop) { loop.call_soon([&] { gate.pass(); }); };
  static_cast<void>(host->add_workload({.name = "blocks", .loops = {"io-0"}, .listeners = {}}, make_greeter(doings)));
  ASSERT_TRUE(gate.wait_until_held());
  EXPECT_EQ(get("io-0").connections, 1U);
}

TEST_F(WorkloadOnLoops, IsAttachedToALoopAtRestAndToARunningOne) {
  create("rests");
  run("runs");
  ASSERT_TRUE(host->add_workload({.name = "web", .loops = {"rests", "runs"}, .listeners = {{.address = "127.0.0.1:0"}}},
                                 make_greeter(doings)));
  EXPECT_EQ(doings->shares, 2);
}

TEST_F(WorkloadOnLoops, IsResumedWhenItsLoopIsStartedAfterADrain) {
  run("io-0");
  greet_on({"io-0"});
  ASSERT_TRUE(host->drain("io-0", soon()));
  EXPECT_EQ(doings->drained, 1);
  EXPECT_EQ(doings->resumed, 0);
  ASSERT_TRUE(host->start("io-0", soon()));
  EXPECT_EQ(doings->resumed, 1);
}

TEST_F(WorkloadOnLoops, IsResumedWhenADrainIsTakenBack) {
  const auto client = keep_one_on("io-0");
  const std::jthread drain([&] { static_cast<void>(host->drain("io-0", soon())); });
  ASSERT_TRUE(eventually([&] { return doings->drained == 1; }));
  ASSERT_TRUE(host->start("io-0", soon()));
  EXPECT_TRUE(eventually([&] { return doings->resumed == 1; }));
}

TEST_F(WorkloadOnLoops, OneThatWasRemovedIsNotResumed) {
  const auto client = keep_one_on("io-0");
  ASSERT_TRUE(host->remove_workload("web"));
  ASSERT_TRUE(eventually([&] { return doings->drained == 1; }));
  ASSERT_TRUE(host->stop("io-0", soon()));
  ASSERT_TRUE(host->start("io-0", soon()));
  EXPECT_EQ(doings->shares, 1);
  EXPECT_EQ(doings->resumed, 0);
}

TEST_F(WorkloadOnLoops, OneThatTakesThePlaceOfAnotherIsToldBeforeItIsAttached) {
  run("io-0");
  const auto notes = std::make_shared<std::vector<std::string>>();
  const auto apply = [&] {
    return host->apply_workload({.name = "web", .loops = {"io-0"}, .listeners = {}}, std::make_unique<Heir>(notes));
  };
  EXPECT_EQ(apply(), Applied::created);
  EXPECT_THAT(*notes, ElementsAre("attached"));
  EXPECT_EQ(apply(), Applied::replaced);
  EXPECT_THAT(*notes, ElementsAre("attached", "succeeds test.heir", "attached"));
}

TEST_F(WorkloadOnLoops, OneThatCannotBeAttachedToAllIsAttachedToNone) {
  run("io-0");
  run("io-1");
  int attached = 0;
  doings->on_attach = [&](evloop::EventLoop&) {
    if (++attached == 2) throw std::runtime_error("no room");
  };
  const auto added = host->add_workload(
      {.name = "web", .loops = {"io-0", "io-1"}, .listeners = {{.address = "127.0.0.1:0"}}}, make_greeter(doings));
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().message, AllOf(HasSubstr("web"), HasSubstr("io-1"), HasSubstr("no room")));
  EXPECT_TRUE(host->workloads().empty());
  EXPECT_TRUE(eventually([&] { return doings->shares == 0; }));
}

TEST_F(WorkloadOnLoops, RefusesWhatIsWrongByItsReason) {
  run("io-0");
  const auto add = [&](WorkloadOptions options) {
    const auto added = host->add_workload(std::move(options), make_greeter(doings));
    return added ? std::string() : std::string(reason_name(added.error().reason));
  };
  EXPECT_EQ(add({.name = "a", .loops = {"nobody"}, .listeners = {}}), "LOOP_NOT_FOUND");
  EXPECT_EQ(add({.name = "a", .loops = {}, .listeners = {}}), "BAD_ARGUMENT");
  EXPECT_EQ(add({.name = "a", .loops = {"io-0"}, .listeners = {{.address = "nowhere"}}}), "BAD_ARGUMENT");
  create("gone");
  ASSERT_TRUE(host->close("gone", CloseMode::raw, soon()));
  EXPECT_EQ(add({.name = "a", .loops = {"gone"}, .listeners = {}}), "LOOP_CLOSED");
  EXPECT_EQ(add({.name = "a", .loops = {"io-0"}, .listeners = {}}), "");
  EXPECT_EQ(add({.name = "a", .loops = {"io-0"}, .listeners = {}}), "WORKLOAD_EXISTS");
}

TEST_F(WorkloadOnLoops, AStopLeavesConnectionsAndAStartGoesOnWithThem) {
  const auto client = keep_one_on("io-0");
  ASSERT_TRUE(host->stop("io-0", soon()));
  EXPECT_EQ(get("io-0").connections, 1U);
  ASSERT_TRUE(host->start("io-0", soon()));
  EXPECT_EQ(get("io-0").connections, 1U);
  EXPECT_EQ(doings->aborted, 0);
}

TEST_F(WorkloadOnLoops, ADrainWithNothingOpenStopsAtOnce) {
  run("io-0");
  greet_on({"io-0"});
  const auto loop = host->drain("io-0", soon());
  ASSERT_TRUE(loop) << loop.error().message;
  EXPECT_EQ(loop->state, LoopState::stopped);
  EXPECT_EQ(doings->drained, 1);
  EXPECT_EQ(doings->aborted, 0);
}

TEST_F(WorkloadOnLoops, ADrainThatIsNotDoneByItsDeadlineCutsWhatIsLeft) {
  const auto client = keep_one_on("io-0");
  LoopHost::Deadline deadline = in(500ms);
  const auto loop = host->drain("io-0", deadline);
  EXPECT_EQ(doings->drained, 1);
  EXPECT_EQ(doings->aborted, 1);
  EXPECT_TRUE(eventually([&] { return state("io-0") == LoopState::stopped; }));
  EXPECT_EQ(get("io-0").connections, 0U);
}

TEST_F(WorkloadOnLoops, AStartUndoesADrain) {
  const auto client = keep_one_on("io-0");
  HostResult<LoopSnapshot> drained;
  std::jthread drainer([&] { drained = host->drain("io-0", soon()); });
  ASSERT_TRUE(eventually([&] { return state("io-0") == LoopState::draining; }));
  EXPECT_TRUE(eventually([&] { return !host::testing::condition(get("io-0"), "Accepting"); }));
  const auto started = host->start("io-0", soon());
  ASSERT_TRUE(started) << started.error().message;
  drainer.join();
  EXPECT_TRUE(drained);
  EXPECT_EQ(state("io-0"), LoopState::running);
  EXPECT_TRUE(is_greeted(host->workloads().at(0).listeners.at(0)));
  EXPECT_EQ(doings->aborted, 0);
}

TEST_F(WorkloadOnLoops, ACloseCutsConnectionsAndDestroysTheShareOnItsThread) {
  const auto client = keep_one_on("io-0");
  ASSERT_TRUE(host->stop("io-0", soon()));
  ASSERT_TRUE(host->close("io-0", CloseMode::graceful, soon()));
  EXPECT_EQ(doings->shares, 0);
  EXPECT_EQ(doings->aborted, 1);
  EXPECT_EQ(get("io-0").connections, 0U);
  EXPECT_EQ(host->workloads().at(0).connections_open, 0U);
}

TEST_F(WorkloadOnLoops, GracefulCloseCancelsTasksAndRawCloseDropsThem) {
  for (const auto mode : {CloseMode::graceful, CloseMode::raw}) {
    const std::string name = mode == CloseMode::graceful ? "graceful" : "raw";
    create(name);
    std::jthread caller([&] { static_cast<void>(job(name, "forever")); });
    ASSERT_TRUE(eventually([&] { return state(name) == LoopState::running && get(name).counters.tasks_live == 1; }));
    ASSERT_TRUE(host->stop(name, soon()));
    ASSERT_TRUE(host->close(name, mode, soon()));
  }
  EXPECT_EQ(get("graceful").counters.tasks_cancelled, 1U);
  EXPECT_EQ(get("raw").counters.tasks_cancelled, 0U);
  EXPECT_EQ(get("raw").counters.tasks_live, 0U);
}

TEST_F(WorkloadOnLoops, ALoopMadeAnewServesItsWorkloadAgain) {
  run("io-0");
  const auto address = greet_on({"io-0"});
  ASSERT_TRUE(host->stop("io-0", soon()));
  ASSERT_TRUE(host->close("io-0", CloseMode::graceful, soon()));
  ASSERT_TRUE(host->remove("io-0"));
  run("io-0");
  EXPECT_TRUE(is_greeted(address));
}

TEST_F(WorkloadOnLoops, AnUncaughtExceptionDegradesTheLoop) {
  doings->on_attach = [](evloop::EventLoop& loop) {
    loop.set_exception_handler([](evloop::EventLoop&, const evloop::ErrorContext&) {});
    loop.call_soon([] { throw std::runtime_error("uncaught"); });
  };
  run("io-0");
  greet_on({"io-0"});
  EXPECT_TRUE(eventually([&] { return host::testing::condition(get("io-0"), "Degraded"); }));
  EXPECT_EQ(get("io-0").counters.exceptions, 1U);
}

}  // namespace
}  // namespace evloopd::host
