#include "base/log.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace evloop {
namespace {

std::string last;

TEST(Log, GoesToTheSinkThatTheProgramSet) {
  set_log_sink([](LogLevel level, std::string_view message) {
    last = std::to_string(static_cast<int>(level)) + " " + std::string(message);
  });
  log(LogLevel::error, "what happened");
  set_log_sink(nullptr);
  EXPECT_EQ(last, "3 what happened");
}

TEST(Log, GoesToStandardErrorOtherwise) {
  testing::internal::CaptureStderr();
  log(LogLevel::warning, "watch out");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning: watch out\n");
}

TEST(Log, ASinkThatThrowsHarmsNobody) {
  set_log_sink([](LogLevel, std::string_view) { throw std::runtime_error("disk full"); });
  log(LogLevel::info, "lost");
  set_log_sink(nullptr);
}

}  // namespace
}  // namespace evloop
