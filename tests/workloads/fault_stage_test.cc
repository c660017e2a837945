#include "workloads/proxy/fault_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "support/virtual_time.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using evloop::Duration;

constexpr std::size_t KiB = 1024;

// A stage on a loop that sleeps in no time.
class FaultStageTest : public testing::Test, public FaultStage::Owner {
 protected:
  struct Piece {
    Duration time;  // since the start
    std::string bytes;
  };

  ~FaultStageTest() override {
    stage.reset();
    loop_.close();
  }

  void start(const host::FaultSpec& spec, std::size_t buffer = 256 * KiB, std::uint64_t seed = 1) {
    const evloop::EventLoop::RunScope scope(loop_);
    stage.emplace(loop_, *this, FaultStage::Options{.spec = spec, .seed = seed, .buffer = buffer});
    start_ = clock_.now();
  }
  void take(std::string_view text) {
    on_loop([&] { stage->take(std::as_bytes(std::span(text))); });
  }
  template <class F>
  void on_loop(F function) {
    const evloop::EventLoop::RunScope scope(loop_);
    function();
  }
  // Lets all happen that happens until then.
  void run_until(Duration time) {
    const evloop::EventLoop::RunScope scope(loop_);
    bool over = false;
    loop_.call_at(start_ + time, [&] { over = true; });
    while (!over) loop_.run_once();
    loop_.call_soon([] {});
    loop_.run_once();
  }
  // ... without a turn of the loop before.
  void sleep_through(Duration time) {
    clock_.advance(time);
    run_until(now());
  }
  [[nodiscard]] std::string all() const {
    std::string text;
    for (const auto& piece : pieces) text += piece.bytes;
    return text;
  }
  [[nodiscard]] Duration now() const { return clock_.now() - start_; }

  void pass(std::span<const std::byte> data) override {
    pieces.push_back({now(), std::string(reinterpret_cast<const char*>(data.data()), data.size())});
    if (full_after > 0 && --full_after == 0) stage->pause();
    if (is_nervous) {
      stage->pause();
      stage->resume();
    }
  }
  void pass_end() override { ended = now(); }
  void pass_close() override { closed = now(); }
  void hold_source(bool hold) override { held = hold; }
  void reset_both() override { was_reset = now(); }

  std::optional<FaultStage> stage;
  std::vector<Piece> pieces;
  std::optional<Duration> ended, closed, was_reset;
  bool held = false;
  bool is_nervous = false;  // what is behind the stage pauses and goes on within each write
  int full_after = 0;       // pieces until what is behind the stage takes no more; 0: never

 private:
  evloop::VirtualClock clock_;
  evloop::EventLoop loop_{evloop::EventLoop::Options{
      .selector = std::make_unique<evloop::VirtualTime>(clock_), .clock = &clock_, .default_exception_handler = {}}};
  evloop::TimePoint start_;
};

TEST_F(FaultStageTest, WithoutFaultsPassesOnAtOnce) {
  start({});
  take("a");
  take("b");
  on_loop([&] { stage->end(); });
  EXPECT_EQ(all(), "ab");
  EXPECT_EQ(ended, 0s);
  EXPECT_EQ(stage->held(), 0U);
}

TEST_F(FaultStageTest, LatencyDelaysBytesAndTheirEndByExactlyThat) {
  start({.latency = 20ms});
  take("a");
  run_until(5ms);
  take("b");
  on_loop([&] { stage->end(); });
  run_until(19ms);
  EXPECT_TRUE(pieces.empty());
  run_until(1s);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].time, 20ms);
  EXPECT_EQ(pieces[1].time, 25ms);
  EXPECT_EQ(ended, 25ms);
  EXPECT_EQ(all(), "ab");
}

TEST_F(FaultStageTest, JitterStaysWithinItsBoundsAndKeepsTheOrder) {
  start({.latency = 20ms, .jitter = 5ms});
  std::string sent;
  for (int i = 0; i < 200; ++i) {
    run_until(i * 11ms);  // further apart than two of them can come near
    const auto text = std::to_string(i) + ' ';
    take(text);
    sent += text;
  }
  run_until(10s);
  EXPECT_EQ(all(), sent);
  ASSERT_EQ(pieces.size(), 200U);
  std::vector<Duration> delays;
  for (int i = 0; i < 200; ++i) delays.push_back(pieces[static_cast<std::size_t>(i)].time - i * 11ms);
  const auto [least, most] = std::ranges::minmax(delays);
  EXPECT_GE(least, 15ms);
  EXPECT_LE(most, 25ms);
  EXPECT_LT(least, 16ms) << "of two hundred";
  EXPECT_GT(most, 24ms);
}

TEST_F(FaultStageTest, JitterIsTheSameForTheSameSeed) {
  const auto times = [&](std::uint64_t seed) {
    pieces.clear();
    start({.latency = 20ms, .jitter = 5ms}, 256 * KiB, seed);
    for (int i = 0; i < 5; ++i) {
      run_until(i * 11ms);
      take("x");
    }
    run_until(1s);
    std::vector<Duration> result;
    for (const auto& piece : pieces) result.push_back(piece.time);
    return result;
  };
  const auto first = times(7);
  EXPECT_EQ(times(7), first);
  EXPECT_NE(times(8), first);
}

TEST_F(FaultStageTest, BytesTakeTheTimeThatTheBandwidthLeavesThem) {
  start({.bandwidth = 100'000});
  const std::string data(50'000, 'x');
  take(data);
  run_until(250ms);
  EXPECT_EQ(all().size(), 25'000U);
  run_until(10s);
  EXPECT_EQ(all(), data);
  EXPECT_EQ(pieces.back().time, 500ms);
  // A pause earns nothing.
  take(data);
  run_until(10250ms);
  EXPECT_EQ(all().size(), 75'000U);
}

// The loop was busy: what should have gone through meanwhile goes at once.
TEST_F(FaultStageTest, ALateTimerMakesUpForIt) {
  start({.bandwidth = 1000});
  take(std::string(500, 'x'));
  sleep_through(250ms);
  EXPECT_EQ(all().size(), 250U);
  run_until(1s);
  EXPECT_EQ(pieces.back().time, 500ms);
}

TEST_F(FaultStageTest, BandwidthCountsBehindTheLatency) {
  start({.latency = 1s, .bandwidth = 1000});
  take(std::string(500, 'x'));
  run_until(10s);
  EXPECT_EQ(pieces.front().time, 1010ms) << "ten bytes at a time";
  EXPECT_EQ(pieces.back().time, 1500ms);
}

TEST_F(FaultStageTest, OneByteASecondIsOneByteASecond) {
  start({.bandwidth = 1});
  take("abc");
  run_until(10s);
  ASSERT_EQ(pieces.size(), 3U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pieces[static_cast<std::size_t>(i)].time, (i + 1) * 1s);
}

TEST_F(FaultStageTest, WhatIsBehindItMakesItWaitAndNothingIsMadeUpFor) {
  start({.bandwidth = 1000});
  take(std::string(500, 'x'));
  full_after = 10;
  run_until(5s);
  EXPECT_EQ(all().size(), 100U);
  on_loop([&] { stage->resume(); });
  run_until(5200ms);
  EXPECT_EQ(all().size(), 300U);
}

TEST_F(FaultStageTest, WhatIsBehindItMayPauseAndGoOnAtOnce) {
  start({.bandwidth = 1000, .slice_size = 2});
  is_nervous = true;
  take("0123456789");
  sleep_through(6ms);
  EXPECT_EQ(all(), "012345");
  run_until(10ms);
  EXPECT_EQ(all(), "0123456789");
}

TEST_F(FaultStageTest, SlicesAreAtMostOfTheirSizeAndTheirTimeApart) {
  start({.slice_size = 7, .slice_delay = 2ms});
  take("0123456789");
  take("abcdefghijklm");
  run_until(1s);
  EXPECT_EQ(all(), "0123456789abcdefghijklm");
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_LE(pieces[i].bytes.size(), 7U);
    EXPECT_EQ(pieces[i].time, i * 2ms);
  }
}

TEST_F(FaultStageTest, ManySlicesLeaveOthersTheirTurns) {
  start({.slice_size = 1});
  take(std::string(1000, 'x'));
  EXPECT_LT(pieces.size(), 100U) << "all in one turn";
  run_until(0s);
  run_until(1ms);
  EXPECT_EQ(all().size(), 1000U);
  EXPECT_EQ(pieces.back().time, 0s);
}

TEST_F(FaultStageTest, ABlackholeLetsNothingThroughAndHoldsNothing) {
  start({.blackhole = true}, 4 * KiB);
  take(std::string(100'000, 'x'));
  on_loop([&] {
    stage->end();
    stage->close();
  });
  run_until(24h);
  EXPECT_TRUE(pieces.empty());
  EXPECT_FALSE(ended || closed || held);
  EXPECT_EQ(stage->held(), 0U);
}

TEST_F(FaultStageTest, ResetsOnceExactlySoManyBytesHavePassed) {
  start({.reset_bytes = 10});
  take("0123456");
  EXPECT_FALSE(was_reset);
  take("789abc");
  EXPECT_EQ(was_reset, 0s);
  take("more");
  on_loop([&] { stage->close(); });
  EXPECT_EQ(all(), "0123456789");
  EXPECT_FALSE(closed);
}

TEST_F(FaultStageTest, ResetsAfterATime) {
  start({.latency = 2s, .reset_time = 1s});
  take("too late");
  run_until(10s);
  EXPECT_EQ(was_reset, 1s);
  EXPECT_TRUE(pieces.empty());
}

TEST_F(FaultStageTest, WhatASourceThatIsGoneHasSentIsPassedOnFirst) {
  start({.latency = 20ms, .bandwidth = 1000});
  take("0123456789");
  on_loop([&] { stage->close(); });
  EXPECT_TRUE(stage->is_closing());
  run_until(1s);
  EXPECT_EQ(all(), "0123456789");
  EXPECT_EQ(closed, 30ms);
  EXPECT_FALSE(ended) << "it was not ended but left";
  EXPECT_FALSE(stage->is_closing());
}

// The source sends as much as it may, a KiB at a time.
TEST_F(FaultStageTest, HoldsNoMoreThanItsBufferAndOneReceive) {
  for (const std::size_t size : {std::size_t{1}, KiB}) {
    start({.latency = 50ms, .bandwidth = 1000 * KiB}, 16 * KiB);
    pieces.clear();
    held = false;
    std::size_t sent = 0, most = 0, waits = 0;
    for (int i = 1; i < 1000; ++i) {
      if (!held) {
        take(std::string(size, 'x'));
        sent += size;
      } else {
        ++waits;
      }
      most = std::max(most, stage->held());
      run_until(i * (size == 1 ? 20us : 200us));
    }
    EXPECT_LE(most, 17 * KiB) << size;
    EXPECT_GT(waits, 0U) << size;
    run_until(10s);
    EXPECT_EQ(all().size(), sent) << size;
    EXPECT_FALSE(held) << size;
    EXPECT_EQ(stage->held(), 0U);
  }
}

TEST_F(FaultStageTest, HarmsNoByteWithAllOfThemAtOnce) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(1, most)(random); };
  start({.latency = 20ms, .jitter = 20ms, .bandwidth = 10'000 * KiB, .slice_size = 3001, .slice_delay = 10us}, 64 * KiB,
        seed);
  std::string data;
  for (std::size_t left = 1 << 20; left > 0; --left) data += static_cast<char>(random());
  for (std::size_t sent = 0; sent < data.size();) {
    if (!held) {
      const auto chunk = std::string_view(data).substr(sent, up_to(100'000));
      take(chunk);
      sent += chunk.size();
    }
    if (up_to(3) == 1) {
      on_loop([&] { stage->pause(); });
      run_until(now() + up_to(1000) * 1us);
      on_loop([&] { stage->resume(); });
    }
    run_until(now() + up_to(3000) * 1us);
  }
  on_loop([&] { stage->end(); });
  run_until(now() + 10s);
  EXPECT_TRUE(all() == data);
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace evloopd::workloads
