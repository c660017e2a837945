// Limits of listeners, over loops that come and go.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "host/fixture.h"

namespace evloopd::host {
namespace {

using namespace host::testing;

// What the workloads of a test have, all generations together. Any thread.
class Kept {
 public:
  void add(Accepted connection) {
    const std::lock_guard lock(mutex_);
    connections_.push_back(std::move(connection));
    ++total_;
    most_ = std::max(most_, connections_.size());
  }
  // Ends the connection that is open for longest; on the thread of the test, whatever loop has it.
  void end_one() {
    Accepted gone;  // ended outside the lock
    const std::lock_guard lock(mutex_);
    gone = std::move(connections_.front());
    connections_.erase(connections_.begin());
  }
  void end_all() {
    std::vector<Accepted> gone;
    const std::lock_guard lock(mutex_);
    gone.swap(connections_);
  }
  [[nodiscard]] std::size_t open() {
    const std::lock_guard lock(mutex_);
    return connections_.size();
  }
  [[nodiscard]] std::size_t total() {
    const std::lock_guard lock(mutex_);
    return total_;
  }
  [[nodiscard]] std::size_t most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  std::mutex mutex_;
  std::vector<Accepted> connections_;
  std::size_t total_ = 0;
  std::size_t most_ = 0;  // at a time
};

class KeeperShare final : public WorkloadShare {
 public:
  explicit KeeperShare(std::shared_ptr<Kept> kept) : kept_(std::move(kept)) {}
  void accepted(Accepted connection) override { kept_->add(std::move(connection)); }
  [[nodiscard]] std::size_t connections() const override { return 0; }
  void drain() override {}
  void abort() override {}

 private:
  const std::shared_ptr<Kept> kept_;
};

// Keeps who comes. One of another `version` takes its place.
class Keeper final : public Workload {
 public:
  Keeper(std::shared_ptr<Kept> kept, int version) : kept_(std::move(kept)), version_(version) {}
  [[nodiscard]] std::string_view kind() const override { return "test.keeper"; }
  [[nodiscard]] std::unique_ptr<WorkloadShare> attach(evloop::EventLoop&) override {
    return std::make_unique<KeeperShare>(kept_);
  }
  [[nodiscard]] Adoption adopt(Workload& wanted) override {
    return dynamic_cast<Keeper&>(wanted).version_ == version_ ? Adoption::same : Adoption::impossible;
  }

 private:
  const std::shared_ptr<Kept> kept_;
  const int version_;
};

class LimitsOnLoops : public HostTest {
 protected:
  Applied apply(ListenerLimits limits, std::vector<std::string> loops, int version = 1) {
    const auto applied = host->apply_workload(
        {.name = "web", .loops = std::move(loops), .listeners = {{.address = "127.0.0.1:0", .limits = limits}}},
        std::make_unique<Keeper>(kept, version));
    EXPECT_TRUE(applied) << applied.error().message;
    return applied.value_or(Applied::unchanged);
  }
  void connect(int count) {
    const auto address = listener().address;
    for (; count > 0; --count) clients.push_back(connect_to(address));
    for (const auto& client : clients) EXPECT_TRUE(client) << "whoever waits is connected all the same";
  }
  [[nodiscard]] ListenerSnapshot listener() { return host->workload("web").value().listener_states.at(0); }
  [[nodiscard]] ::testing::AssertionResult have_come(std::size_t count) {
    if (eventually([&] { return kept->total() >= count; }) && kept->total() == count)
      return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << kept->total() << " have come and not " << count;
  }
  // Until a client waits on a loop.
  [[nodiscard]] bool is_suspended() {
    return eventually([&] { return listener().suspended; });
  }

  const std::shared_ptr<Kept> kept = std::make_shared<Kept>();
  std::vector<evloop::UniqueFd> clients;
};

TEST_F(LimitsOnLoops, AreForAllLoopsTogetherAndEverybodyHasHisTurn) {
  for (const char* loop : {"io-0", "io-1", "io-2"}) run(loop);
  EXPECT_EQ(apply({.max_connections = 2}, {"io-0", "io-1", "io-2"}), Applied::created);
  connect(24);
  for (std::size_t come = 2; come < 24; ++come) {
    ASSERT_TRUE(have_come(come));
    ASSERT_TRUE(is_suspended());
    EXPECT_EQ(listener().connections_open, 2U);
    kept->end_one();
  }
  EXPECT_TRUE(have_come(24));
  EXPECT_EQ(kept->most(), 2U);
  EXPECT_GE(listener().suspended_total, 1U);
  kept->end_all();
  EXPECT_EQ(listener().connections_open, 0U);
}

TEST_F(LimitsOnLoops, AreNoneUnlessTheyAreSaid) {
  run("io-0");
  apply({}, {"io-0"});
  connect(20);
  EXPECT_TRUE(have_come(20));
  EXPECT_EQ(listener().connections_open, 0U);
  EXPECT_EQ(listener().suspended_total, 0U);
}

TEST_F(LimitsOnLoops, AreChangedInPlaceAndWhoWaitsComesIn) {
  run("io-0");
  run("io-1");
  apply({.max_connections = 1}, {"io-0", "io-1"});
  connect(8);
  ASSERT_TRUE(is_suspended());
  EXPECT_EQ(apply({.max_connections = 1}, {"io-0", "io-1"}), Applied::unchanged);
  const auto address = listener().address;
  EXPECT_EQ(apply({.max_connections = 3}, {"io-0", "io-1"}), Applied::updated);
  EXPECT_TRUE(have_come(3));
  EXPECT_EQ(listener().limits, ListenerLimits{.max_connections = 3});
  EXPECT_EQ(listener().address, address);
  EXPECT_EQ(apply({.max_connections = 1}, {"io-0", "io-1"}), Applied::updated);
  EXPECT_EQ(listener().connections_open, 3U) << "nobody is cut";
  kept->end_one();
  kept->end_one();
  ASSERT_TRUE(is_suspended());
  EXPECT_EQ(kept->total(), 3U);
  EXPECT_EQ(apply({}, {"io-0", "io-1"}), Applied::updated);
  EXPECT_TRUE(have_come(8));
}

TEST_F(LimitsOnLoops, OfAGenerationCountWhoCameToTheOneBefore) {
  run("io-0");
  run("io-1");
  apply({.max_connections = 2}, {"io-0", "io-1"});
  connect(4);
  ASSERT_TRUE(have_come(2));
  ASSERT_TRUE(is_suspended());
  EXPECT_EQ(apply({.max_connections = 2}, {"io-1"}, 2), Applied::replaced);
  EXPECT_EQ(listener().connections_open, 2U);
  ASSERT_TRUE(is_suspended());
  EXPECT_EQ(kept->total(), 2U);
  kept->end_one();
  EXPECT_TRUE(have_come(3));
  EXPECT_EQ(apply({.max_connections = 3}, {"io-0", "io-1"}, 3), Applied::replaced);
  EXPECT_TRUE(have_come(4));
  EXPECT_EQ(kept->most(), 3U);
}

TEST_F(LimitsOnLoops, OfALoopThatStopsWhileItWaitsAreKeptByTheOthers) {
  run("io-0");
  run("io-1");
  apply({.max_connections = 1}, {"io-0", "io-1"});
  connect(12);
  for (std::size_t come = 1; come < 12; ++come) {
    ASSERT_TRUE(have_come(come));
    ASSERT_TRUE(is_suspended());
    const auto* const loop = come % 2 == 0 ? "io-0" : "io-1";
    ASSERT_TRUE(come % 4 < 2 ? host->stop(loop, soon()) : host->drain(loop, soon()));
    kept->end_one();
    ASSERT_TRUE(have_come(come + 1)) << "by the other loop";
    ASSERT_TRUE(host->start(loop, soon()));
  }
  EXPECT_EQ(kept->most(), 1U);
}

TEST_F(LimitsOnLoops, AreStillThereWhenAllLoopsHaveStoppedAndStarted) {
  run("io-0");
  apply({.max_connections = 1}, {"io-0"});
  connect(3);
  ASSERT_TRUE(is_suspended());
  ASSERT_TRUE(host->stop("io-0", soon()));
  EXPECT_FALSE(listener().suspended) << "nobody accepts";
  kept->end_one();
  ASSERT_TRUE(host->start("io-0", soon()));
  EXPECT_TRUE(have_come(2));
  ASSERT_TRUE(is_suspended());
}

TEST_F(LimitsOnLoops, OfAReplacedLoopHoldForTheOneInItsPlace) {
  run("io-0");
  apply({.max_connections = 1}, {"io-0"});
  connect(3);
  ASSERT_TRUE(is_suspended());
  const auto replaced = host->replace("io-0", /*force=*/true, soon());
  ASSERT_TRUE(replaced) << replaced.error().message;
  ASSERT_TRUE(eventually([&] { return host->list().size() == 1; })) << "the old one has closed";
  ASSERT_TRUE(is_suspended());
  EXPECT_EQ(kept->total(), 1U);
  kept->end_one();
  EXPECT_TRUE(have_come(2));
}

TEST_F(LimitsOnLoops, DoNotHoldUpARemovalOrTheEnd) {
  run("io-0");
  apply({.max_connections = 1}, {"io-0"});
  connect(3);
  ASSERT_TRUE(is_suspended());
  ASSERT_TRUE(host->remove_workload("web"));
  kept->end_one();
  apply({.accept_rate = 1}, {"io-0"});
  connect(3);
  ASSERT_TRUE(is_suspended());
  EXPECT_TRUE(host->shutdown(std::chrono::seconds(0), nullptr).empty());
  kept->end_all();
}

TEST_F(LimitsOnLoops, OfTheRateLetEverybodyInInTheEnd) {
  run("io-0");
  run("io-1");
  apply({.accept_rate = 50}, {"io-0", "io-1"});
  connect(60);
  EXPECT_TRUE(have_come(60));
  EXPECT_GE(listener().suspended_total, 1U);
}

class Sleeper final : public ListenerLimit::Waiter {
 public:
  void wake() noexcept override { woken_.release(); }
  [[nodiscard]] bool sleep() { return woken_.try_acquire_for(patience); }

 private:
  std::counting_semaphore<> woken_{0};
};

// Somebody leaves at the very moment at which somebody else begins to wait, and nobody comes after them.
TEST(LimitOfTwoThreads, LosesNoWakeUp) {
  constexpr int rounds = 3'000;
  ListenerLimit limit;
  limit.set({.max_connections = 1});
  std::atomic<int> begun{0}, left{0};
  const auto wait_for = [](const std::atomic<int>& round, int wanted) {
    for (int spins = 0; round < wanted; ++spins)
      if (spins > 1000) std::this_thread::yield();
  };
  std::jthread leaves([&] {
    for (int round = 1; round <= rounds; ++round) {
      wait_for(begun, round);
      for (volatile int pause = round % 64; pause > 0; pause = pause - 1) {
      }
      limit.left();
      left = round;
    }
  });
  Sleeper sleeper;
  bool late = false;
  for (int round = 1; round <= rounds; ++round) {
    EXPECT_EQ(limit.enter({}), evloop::Duration::zero());
    begun = round;
    while (!late && limit.enter_or_wait(sleeper, {}) == ListenerLimit::until_woken) late = !sleeper.sleep();
    wait_for(left, round);
    if (!late) limit.left();
  }
  EXPECT_FALSE(late);
  EXPECT_EQ(limit.open(), 0U);
  EXPECT_FALSE(limit.has_waiters());
}

TEST_F(LimitsOnLoops, LoseNoWakeUpUnderLoad) {
  for (const char* loop : {"io-0", "io-1", "io-2"}) run(loop);
  apply({.max_connections = 2}, {"io-0", "io-1", "io-2"});
  constexpr std::size_t all = 600;
  std::jthread comes([&] {
    const auto address = listener().address;
    for (std::size_t i = 0; i < all; ++i) EXPECT_TRUE(connect_to(address)) << i;
  });
  // Connections end as fast as they come, on another thread than those that wait for it.
  const auto give_up = soon();
  while (kept->total() < all && std::chrono::steady_clock::now() < give_up) kept->end_all();
  EXPECT_EQ(kept->total(), all);
  EXPECT_LE(kept->most(), 2U);
}

}  // namespace
}  // namespace evloopd::host
