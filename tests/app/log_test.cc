#include "app/log.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace evloopd::app {
namespace {

using evloop::LogLevel;
using settings::LogFormat;
using testing::MatchesRegex;

// A log into a file of its own.
class Log : public testing::Test {
 protected:
  ~Log() override {
    close_log();
    std::fclose(file_);
    ::unsetenv("JOURNAL_STREAM");
    ::unsetenv("NO_COLOR");
  }

  void open(LogFormat format, LogLevel level = LogLevel::info) { open_log({level, format}, file_); }

  [[nodiscard]] std::string written() const {
    std::string text(static_cast<std::size_t>(std::ftell(file_)), '\0');
    std::rewind(file_);
    text.resize(std::fread(text.data(), 1, text.size(), file_));
    return text;
  }

  std::FILE* file_ = std::tmpfile();
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  return lines;
}

TEST_F(Log, ATextLineHasTimeLevelMessageAndFields) {
  open(LogFormat::text);
  log_info("loop started", {{"loop", "io-0"}, {"thread", 4711}, {"load", 0.5}, {"ready", true}, {"why", "a \"b\"\n"}});
  EXPECT_THAT(written(), MatchesRegex("[0-9-]{10} [0-9:]{8}\\.[0-9]{6} info    loop started loop=io-0 thread=4711 "
                                      "load=0\\.5 ready=true why=\"a \\\\\"b\\\\\"\\\\n\"\n"));
}

TEST_F(Log, AJsonLineIsOneObjectWithTheTimeInUtc) {
  open(LogFormat::json);
  log_warning("say \"no\"\n", {{"loop", "io-0"}, {"thread", 4711U}, {"load", 0.5}, {"ready", false}, {"least", -1}});
  const auto record = nlohmann::json::parse(written());
  EXPECT_THAT(record.at("time").get<std::string>(), MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z"));
  EXPECT_EQ(record.at("level"), "warning");
  EXPECT_EQ(record.at("message"), "say \"no\"\n");
  EXPECT_EQ(record.at("loop"), "io-0");
  EXPECT_EQ(record.at("thread"), 4711);
  EXPECT_EQ(record.at("load"), 0.5);
  EXPECT_EQ(record.at("ready"), false);
  EXPECT_EQ(record.at("least"), -1);
}

TEST_F(Log, JsonStaysJsonWhateverIsInTheValues) {
  open(LogFormat::json);
  log_error("\xff\x01", {{"bad", "\xc3\x28"}, {"nan", std::numeric_limits<double>::quiet_NaN()}});
  const auto record = nlohmann::json::parse(written());
  EXPECT_EQ(record.at("message"), "\xef\xbf\xbd\x01");
  EXPECT_TRUE(record.at("nan").is_null());
}

TEST_F(Log, AJournalLineBeginsWithItsPriority) {
  open(LogFormat::journal, LogLevel::debug);
  log_debug("a");
  log_info("b", {{"loop", "io-0"}});
  log_warning("c");
  log_error("d\ne");
  EXPECT_EQ(written(), "<7>a\n<6>b loop=io-0\n<4>c\n<3>d\\ne\n");
}

TEST_F(Log, WhatIsBelowTheLevelIsNotWritten) {
  open(LogFormat::journal, LogLevel::warning);
  log_info("a");
  log_warning("b");
  set_log_level(LogLevel::debug);
  log_debug("c");
  set_log_level(LogLevel::error);
  log_warning("d");
  EXPECT_EQ(written(), "<4>b\n<7>c\n");
}

TEST_F(Log, TheLibraryLogsIntoItToo) {
  open(LogFormat::journal);
  evloop::log(LogLevel::error, "unhandled exception");
  evloop::log(LogLevel::debug, "too fine");
  EXPECT_EQ(written(), "<3>unhandled exception from=evloop\n");
}

TEST_F(Log, LinesOfManyThreadsStayWhole) {
  open(LogFormat::journal);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([t] {
        for (int i = 0; i < 100; ++i) log_info("line", {{"thread", t}, {"text", std::string(200, 'x')}});
      });
  }
  const auto lines = lines_of(written());
  EXPECT_EQ(lines.size(), 400U);
  EXPECT_THAT(lines, testing::Each(MatchesRegex("<6>line thread=[0-3] text=x{200}")));
}

TEST_F(Log, AFileGetsJson) { EXPECT_EQ(detect_log_format(file_), LogFormat::json); }

TEST_F(Log, TheJournalIsKnownByDeviceAndInode) {
  struct stat status{};
  ASSERT_EQ(::fstat(::fileno(file_), &status), 0);
  ::setenv("JOURNAL_STREAM", fmt::format("{}:{}", status.st_dev, status.st_ino).c_str(), 1);
  EXPECT_EQ(detect_log_format(file_), LogFormat::journal);
  ::setenv("JOURNAL_STREAM", fmt::format("{}:{}", status.st_dev, status.st_ino + 1).c_str(), 1);
  EXPECT_EQ(detect_log_format(file_), LogFormat::json) << "the variable was inherited, the stream was not";
}

// What a terminal gets to see of one record.
std::string on_a_terminal() {
  int master = -1, slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) return "no terminal";
  const evloop::UniqueFd reading(master);
  std::FILE* terminal = ::fdopen(slave, "w");
  open_log({LogLevel::info, LogFormat::automatic}, terminal);
  log_warning("hot");
  close_log();
  std::string text(1000, '\0');
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(master, text.data(), text.size()))));
  std::fclose(terminal);
  return text;
}

TEST_F(Log, ATerminalGetsTextInColours) {
  ::setenv("TERM", "xterm", 1);
  EXPECT_NE(on_a_terminal().find("\x1b["), std::string::npos);
  ::setenv("NO_COLOR", "1", 1);
  const auto plain = on_a_terminal();
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  EXPECT_NE(plain.find(" warning hot"), std::string::npos) << plain;
}

}  // namespace
}  // namespace evloopd::app
