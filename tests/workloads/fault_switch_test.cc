#include "workloads/proxy/fault_switch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using host::FaultDirection;
using host::FaultSpec;

std::mutex log_mutex;
std::vector<std::string> log_lines;

class FaultSwitchTest : public testing::Test {
 protected:
  FaultSwitchTest() {
    evloop::set_log_sink([](evloop::LogLevel, std::string_view line) {
      const std::lock_guard lock(log_mutex);
      log_lines.emplace_back(line);
    });
  }
  ~FaultSwitchTest() override {
    evloop::set_log_sink(nullptr);
    log_lines.clear();
  }
  static bool is_logged(const std::string& text) {
    const std::lock_guard lock(log_mutex);
    return std::ranges::any_of(log_lines, [&](const auto& line) { return line.contains(text); });
  }
  // Of so many connections, in order, those that are touched.
  static std::vector<int> touched(FaultSwitch& faults, int of = 1000) {
    std::vector<int> which;
    for (int i = 0; i < of; ++i)
      if (faults.for_next_connection()) which.push_back(i);
    return which;
  }
  static std::string wrong_field(FaultSwitch& faults, const FaultSpec& spec, std::chrono::nanoseconds ttl = 1min) {
    const auto set = faults.set(spec, ttl);
    return set ? "" : set.error().metadata.at("field");
  }
};

TEST_F(FaultSwitchTest, TouchesNobodyAsLongAsThereIsNoFault) {
  FaultSwitch faults({.percent = 100, .seed = 3});
  EXPECT_TRUE(touched(faults).empty());
  EXPECT_EQ(faults.snapshot().connections, 0U);
  EXPECT_FALSE(faults.snapshot().expire_time);
}

TEST_F(FaultSwitchTest, TouchesTheShareThatIsAskedForTheSameForTheSameSeed) {
  FaultSwitch quarter({.percent = 25, .seed = 7, .latency = 1ms}), again({.percent = 25, .seed = 7, .latency = 1ms}),
      other({.percent = 25, .seed = 8, .latency = 1ms}), all({.latency = 1ms});
  const auto first = touched(quarter);
  EXPECT_NEAR(static_cast<double>(first.size()), 250, 60);
  EXPECT_EQ(quarter.snapshot().connections, first.size());
  EXPECT_EQ(touched(again), first);
  EXPECT_NE(touched(other), first);
  EXPECT_EQ(touched(all).size(), 1000U);
}

TEST_F(FaultSwitchTest, BeginsAnewWhenItIsSet) {
  FaultSwitch faults({});
  const FaultSpec spec{.percent = 50, .seed = 7, .latency = 1ms};
  ASSERT_TRUE(faults.set(spec, 1min));
  const auto first = touched(faults);
  ASSERT_TRUE(faults.set(spec, 1min));
  EXPECT_EQ(touched(faults), first);
}

TEST_F(FaultSwitchTest, TouchesOnlyItsDirection) {
  FaultSwitch faults({.direction = FaultDirection::to_client, .latency = 1ms});
  const auto touched = faults.for_next_connection();
  ASSERT_TRUE(touched);
  EXPECT_EQ(touched->towards(FaultDirection::to_client, 5).spec.latency, 1ms);
  EXPECT_FALSE(touched->towards(FaultDirection::to_upstream, 5).spec.any());
  EXPECT_EQ(touched->towards(FaultDirection::to_upstream, 5).buffer, 5U);
}

TEST_F(FaultSwitchTest, TheConfiguredOnesAreBackWhenTheTimeIsOver) {
  FaultSwitch faults({.latency = 7ms});
  faults.set_workload("front");
  ASSERT_TRUE(faults.set({.latency = 1ms}, 1s));
  const auto set = faults.snapshot();
  EXPECT_EQ(set.in_force.latency, 1ms);
  ASSERT_TRUE(set.expire_time);
  EXPECT_LE(*set.expire_time - std::chrono::system_clock::now(), 1s);
  EXPECT_TRUE(
      is_logged("workload front: faults are set for 1 s: latency 0.001 s; 100 % of the connections, both ways"));
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (faults.snapshot().expire_time && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_FALSE(faults.snapshot().expire_time);
  EXPECT_EQ(faults.snapshot().in_force.latency, 7ms);
  EXPECT_EQ(faults.for_next_connection().value().spec.latency, 7ms);
  EXPECT_TRUE(is_logged("workload front: the time of the faults is over"));
}

TEST_F(FaultSwitchTest, AreEndedEarly) {
  FaultSwitch faults({});
  ASSERT_TRUE(faults.set({.blackhole = true}, 24h));
  EXPECT_TRUE(faults.for_next_connection());
  faults.clear();
  EXPECT_FALSE(faults.for_next_connection());
  EXPECT_FALSE(faults.snapshot().expire_time);
}

// The time of those before is not theirs.
TEST_F(FaultSwitchTest, ThoseThatAreSetAnewHaveATimeOfTheirOwn) {
  FaultSwitch faults({});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(faults.set({.latency = 1ms}, 1s));
  ASSERT_TRUE(faults.set({.latency = 2ms}, 24h));
  EXPECT_EQ(faults.snapshot().in_force.latency, 2ms);
  EXPECT_GT(faults.snapshot().expire_time.value() - std::chrono::system_clock::now(), 23h);
}

TEST_F(FaultSwitchTest, NoneForATimeCanTakeThePlaceOfConfiguredOnes) {
  FaultSwitch faults({.latency = 7ms});
  ASSERT_TRUE(faults.set({}, 1min));
  EXPECT_FALSE(faults.for_next_connection());
  faults.clear();
  EXPECT_TRUE(faults.for_next_connection());
}

TEST_F(FaultSwitchTest, NewConfiguredOnesWaitForThoseThatAreSet) {
  FaultSwitch faults({});
  EXPECT_FALSE(faults.configure({}));
  EXPECT_TRUE(faults.configure({.latency = 1ms}));
  EXPECT_EQ(faults.for_next_connection().value().spec.latency, 1ms);
  ASSERT_TRUE(faults.set({.latency = 2ms}, 1min));
  EXPECT_TRUE(faults.configure({.latency = 3ms}));
  EXPECT_EQ(faults.for_next_connection().value().spec.latency, 2ms);
  faults.clear();
  EXPECT_EQ(faults.for_next_connection().value().spec.latency, 3ms);
}

TEST_F(FaultSwitchTest, AWrongValueChangesNothingAndIsNamed) {
  FaultSwitch faults({});
  EXPECT_EQ(wrong_field(faults, {.latency = 1ms}, 999ms), "ttl");
  EXPECT_EQ(wrong_field(faults, {.latency = 1ms}, 24h + 1ms), "ttl");
  EXPECT_EQ(wrong_field(faults, {.latency = -1ms}), "faults.latency");
  EXPECT_EQ(wrong_field(faults, {.latency = 2h}), "faults.latency");
  EXPECT_EQ(wrong_field(faults, {.latency = 1ms, .jitter = 2ms}), "faults.jitter");
  EXPECT_EQ(wrong_field(faults, {.slice_delay = 2ms}), "faults.slice_delay");
  EXPECT_EQ(wrong_field(faults, {.reset_time = 2h}), "faults.reset_time");
  EXPECT_EQ(wrong_field(faults, {.bandwidth = std::size_t{1} << 31U}), "faults.bandwidth");
  EXPECT_EQ(wrong_field(faults, {.percent = 101, .latency = 1ms}), "faults.percent");
  EXPECT_EQ(wrong_field(faults, {.seed = -1, .latency = 1ms}), "faults.seed");
  EXPECT_FALSE(faults.snapshot().in_force.any());
  EXPECT_EQ(wrong_field(faults, {.latency = 1ms, .jitter = 1ms}, 24h), "");
}

}  // namespace
}  // namespace evloopd::workloads
