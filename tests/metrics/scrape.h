#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <sstream>
#include <string>

// Reading the text format, for tests.
namespace evloopd::metrics::testing {

// Every series with its value: `evloopd_loop_tasks{loop="io-0"}`.
[[nodiscard]] inline std::map<std::string, double> parse(const std::string& text) {
  std::map<std::string, double> series;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const auto space = line.rfind(' ');
    if (space == std::string::npos) {
      ADD_FAILURE() << "no value in: " << line;
      continue;
    }
    const auto added = series.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second;
    EXPECT_TRUE(added) << "twice: " << line;
  }
  return series;
}

// The value of a series; fails the test if it is not there.
[[nodiscard]] inline double value(const std::map<std::string, double>& series, const std::string& name) {
  const auto found = series.find(name);
  if (found != series.end()) return found->second;
  ADD_FAILURE() << "no series " << name;
  return -1;
}

}  // namespace evloopd::metrics::testing
