#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "workloads/upstreams/pool.h"

namespace evloopd::workloads {

using namespace std::chrono_literals;

// So many addresses, with these weights: 10.0.0.1:80, 10.0.0.2:80, ...
inline std::vector<host::UpstreamSpec> numbered(const std::vector<int>& weights) {
  std::vector<host::UpstreamSpec> list;
  for (std::size_t i = 0; i < weights.size(); ++i)
    list.push_back({.address = "10.0." + std::to_string(i / 250) + '.' + std::to_string(i % 250 + 1) + ":80",
                    .weight = weights[i]});
  return list;
}

// Keeps what is logged to itself.
class QuietLog {
 public:
  QuietLog() {
    lines().clear();
    evloop::set_log_sink([](evloop::LogLevel, std::string_view line) { lines().emplace_back(line); });
  }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;
  ~QuietLog() { evloop::set_log_sink(nullptr); }

  static std::vector<std::string>& lines() {
    static std::vector<std::string> all;
    return all;
  }
};

// A pool whose time the test owns.
class PoolTest : public testing::Test {
 protected:
  Pool& make(UpstreamsOptions options) {
    pool_.emplace(std::move(options), clock_);
    return *pool_;
  }
  [[nodiscard]] evloop::TimePoint now() const { return clock_.now(); }
  [[nodiscard]] std::shared_ptr<const PoolView> view() { return pool_->view(now()); }
  // The last digit of those whom clients may be sent to, with their weights in tenths.
  [[nodiscard]] std::map<std::string, std::uint32_t> candidates() {
    std::map<std::string, std::uint32_t> all;
    for (const auto& [endpoint, weight] : view()->candidates) all.emplace(endpoint->name(), weight);
    return all;
  }
  [[nodiscard]] evloop::Ref<Endpoint> endpoint(const std::string& name) {
    for (const auto& each : pool_->endpoints())
      if (each->name() == name) return each;
    ADD_FAILURE() << "no endpoint " << name;
    return nullptr;
  }
  [[nodiscard]] host::UpstreamSnapshot snapshot(const std::string& name) {
    for (auto& each : pool_->snapshot().list)
      if (each.name == name) return each;
    ADD_FAILURE() << "no upstream " << name;
    return {};
  }

  const QuietLog log_;
  evloop::VirtualClock clock_;
  std::optional<Pool> pool_;
};

}  // namespace evloopd::workloads
