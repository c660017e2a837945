#include "base/cycle_clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace evloop {
namespace {

using namespace std::chrono_literals;

TEST(CycleClock, StampsOfOneThreadRise) {
  auto last = CycleClock::now();
  for (int i = 0; i < 10'000; ++i) {
    const auto now = CycleClock::now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(CycleClock, StampsCompareAcrossThreads) {
  const auto before = CycleClock::now();
  CycleClock::Stamp there = 0;
  std::thread([&] { there = CycleClock::now(); }).join();
  EXPECT_GE(there, before);
  EXPECT_GE(CycleClock::now(), there);
}

TEST(CycleClock, AgreesWithTheSteadyClock) {
  const auto began = std::chrono::steady_clock::now();
  const auto stamp = CycleClock::now();
  while (std::chrono::steady_clock::now() - began < 5ms) {
  }
  const auto took = std::chrono::steady_clock::now() - began;
  const auto measured = CycleClock::to_nanos(CycleClock::now() - stamp);
  EXPECT_GE(measured, took * 9 / 10);
}

TEST(CycleClock, ConvertsThereAndBack) {
  const auto back = CycleClock::to_nanos(CycleClock::from_nanos(1s));
  EXPECT_GT(back, 990ms);
  EXPECT_LT(back, 1010ms);
}

}  // namespace
}  // namespace evloop
