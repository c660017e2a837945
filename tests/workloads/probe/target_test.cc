#include "workloads/probe/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aio/errors.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

ProbeTargetOptions options() {
  return {.name = "site",
          .address = "127.0.0.1:1",
          .check = {.kind = CheckKind::tcp, .interval = 10s, .down_interval = 1s, .rise = 2, .fall = 3}};
}

TEST(ProbeTarget, TheFirstResultCountsAtOnce) {
  ProbeTarget good(options()), bad(options());
  EXPECT_FALSE(good.snapshot().known);
  EXPECT_FALSE(good.snapshot().up) << "until it is known";
  const auto up = good.probed(true, "connected", 3ms);
  ASSERT_TRUE(up);
  EXPECT_TRUE(up->up);
  EXPECT_TRUE(good.snapshot().up);
  const auto down = bad.probed(false, "refused", 3ms);
  ASSERT_TRUE(down);
  EXPECT_FALSE(down->up);
  EXPECT_EQ(down->reason, "refused");
  EXPECT_FALSE(bad.snapshot().up);
}

TEST(ProbeTarget, ThenItTakesSomeInARow) {
  ProbeTarget target(options());
  std::vector<bool> changes;
  for (const bool passed : {true, false, false, true, false, false, false, true, false, true, true})
    changes.push_back(target.probed(passed, passed ? "well" : "ill", 1ms).has_value());
  EXPECT_THAT(changes, ElementsAre(true, false, false, false, false, false, true, false, false, false, true));
  const auto known = target.snapshot();
  EXPECT_EQ(known.passed, 5U);
  EXPECT_EQ(known.failed, 6U);
  ASSERT_EQ(known.history.size(), 3U);
  EXPECT_FALSE(known.history[1].up);
  EXPECT_EQ(known.history[1].reason, "ill");
  EXPECT_TRUE(known.history[2].up);
}

TEST(ProbeTarget, FailingHasAnIntervalOfItsOwn) {
  ProbeTarget target(options());
  EXPECT_EQ(target.interval(), 10s);
  std::vector<int> seconds;
  for (const bool passed : {true, false, true, false, false, false, true, true}) {
    target.probed(passed, "", 1ms);
    seconds.push_back(static_cast<int>(target.interval() / 1s));
  }
  EXPECT_THAT(seconds, ElementsAre(10, 1, 10, 1, 1, 1, 1, 10)) << "from the first failure until it is up";
}

TEST(ProbeTarget, KeepsTheLastChanges) {
  auto quick = options();
  quick.check.rise = quick.check.fall = 1;
  ProbeTarget target(quick);
  for (int i = 0; i < 50; ++i) target.probed(i % 2 == 0, std::to_string(i), 1ms);
  const auto history = target.snapshot().history;
  ASSERT_EQ(history.size(), ProbeTarget::history_length);
  EXPECT_EQ(history.front().reason, "34");
  EXPECT_EQ(history.back().reason, "49");
}

TEST(ProbeTarget, AnAddressThatIsNoneIsRefused) {
  for (const char* address : {"", "127.0.0.1", "www.example.org", "_app._tcp.internal", "a b:1", "[::1]"}) {
    auto wrong = options();
    wrong.address = address;
    EXPECT_THROW(ProbeTarget{wrong}, evloop::ValueError) << address;
  }
  for (const char* address : {"[::1]:1", "unix:/run/x", "www.example.org:443", "localhost:1"}) {
    auto right = options();
    right.address = address;
    EXPECT_NO_THROW(ProbeTarget{right}) << address;
  }
}

}  // namespace
}  // namespace evloopd::workloads
