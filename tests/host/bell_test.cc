#include "host/bell.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "host/fixture.h"
#include "host/ringing_selector.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using namespace host::testing;

constexpr Nanos for_ever = 2 * patience;

class BellTest : public ::testing::Test {
 protected:
  // Whether `wait` ends long before its time.
  template <class Wait>
  static bool ends_early(Wait wait) {
    const auto begin = std::chrono::steady_clock::now();
    wait();
    return std::chrono::steady_clock::now() - begin < patience;
  }

  Bell bell;
};

TEST_F(BellTest, ARingEndsARest) {
  std::atomic<bool> up{false};
  // It may be rung before it rests, which is forgotten: so again and again.
  std::jthread ringer([&] {
    while (!up) bell.ring();
  });
  EXPECT_TRUE(ends_early([&] { bell.rest(for_ever); }));
  up = true;
}

TEST_F(BellTest, ARingWhileNobodyRestsIsForgotten) {
  const auto begin = std::chrono::steady_clock::now();
  bell.ring();
  bell.rest(20ms);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
}

TEST_F(BellTest, AWakeUpEndsARestOrAPauseThatOnlyBegins) {
  bell.wake();
  EXPECT_TRUE(ends_early([&] { bell.rest(for_ever); }));
  bell.wake();
  EXPECT_TRUE(ends_early([&] { bell.pause(for_ever); }));
}

TEST_F(BellTest, ALoopThatWakesUpRings) {
  const std::shared_ptr<Bell> shared(&bell, [](Bell*) {});
  std::atomic<bool> up{false};
  std::jthread loop([&] {
    RingingSelector selector(evloop::make_epoll_selector(), shared);
    while (!up) static_cast<void>(selector.select(evloop::Duration::zero()));
  });
  EXPECT_TRUE(ends_early([&] { bell.rest(for_ever); }));
  up = true;
}

}  // namespace
}  // namespace evloopd::host
