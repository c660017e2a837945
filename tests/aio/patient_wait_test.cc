#include "aio/patient_wait.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "base/spare_memory.h"

namespace evloop {
namespace {

using namespace std::chrono_literals;

class Kept final : public SpareMemory {
 public:
  explicit Kept(std::size_t bytes) noexcept : bytes_(bytes) {}
  ~Kept() = default;
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  [[nodiscard]] std::size_t size() const noexcept override { return bytes_; }
  void give_back() noexcept override { bytes_ = 0; }

  std::size_t bytes_;
};

// Answers one after another, and remembers how long it was to wait.
struct Waits {
  std::vector<int> answers;
  std::vector<int> asked{};
  int operator()(int milliseconds) {
    asked.push_back(milliseconds);
    return answers.at(asked.size() - 1);
  }
};

class PatientWait : public testing::Test {
 protected:
  // What the thread keeps of other tests must not count.
  void SetUp() override { SpareMemory::give_back_all(); }

  static int wait(std::optional<Duration> timeout, Waits& waits) {
    return wait_patiently(timeout, [&waits](int milliseconds) { return waits(milliseconds); });
  }
};

TEST_F(PatientWait, OneSecondWithoutAnythingGivesBackWhatTheThreadKeeps) {
  const Kept burst(1024 * 1024);
  Waits waits{.answers = {0, 1}};
  EXPECT_EQ(wait(std::nullopt, waits), 1);
  EXPECT_EQ(waits.asked, (std::vector{1000, -1}));
  EXPECT_EQ(burst.bytes(), 0u);
}

TEST_F(PatientWait, TheWholeWaitIsAsLongAsItWasToBe) {
  const Kept burst(1024 * 1024);
  Waits waits{.answers = {0, 0}};
  EXPECT_EQ(wait(2500ms, waits), 0);
  EXPECT_EQ(waits.asked, (std::vector{1000, 1500}));
}

TEST_F(PatientWait, WhatHappensWithinASecondKeepsTheMemory) {
  const Kept burst(1024 * 1024);
  Waits waits{.answers = {1}};
  EXPECT_EQ(wait(std::nullopt, waits), 1);
  EXPECT_EQ(burst.bytes(), 1024u * 1024u);
}

TEST_F(PatientWait, AnErrorIsAnsweredAtOnce) {
  const Kept burst(1024 * 1024);
  Waits waits{.answers = {-1}};
  EXPECT_EQ(wait(std::nullopt, waits), -1);
  EXPECT_EQ(burst.bytes(), 1024u * 1024u);
}

TEST_F(PatientWait, AShortWaitKeepsTheMemory) {
  const Kept burst(1024 * 1024);
  for (const auto timeout : {0ms, 1ms, 1000ms}) {
    Waits waits{.answers = {0}};
    EXPECT_EQ(wait(timeout, waits), 0);
    EXPECT_EQ(waits.asked, std::vector{static_cast<int>(timeout.count())});
  }
  EXPECT_EQ(burst.bytes(), 1024u * 1024u);
}

TEST_F(PatientWait, LittleMemoryIsNotWorthAWakeUp) {
  const Kept few(1000);
  Waits waits{.answers = {1}};
  EXPECT_EQ(wait(std::nullopt, waits), 1);
  EXPECT_EQ(waits.asked, std::vector{-1});
  EXPECT_EQ(few.bytes(), 1000u);
}

}  // namespace
}  // namespace evloop
