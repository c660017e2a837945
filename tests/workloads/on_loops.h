#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "host/loop_host.h"

// What the tests of kinds on real loops share.
namespace evloopd::workloads {

inline constexpr std::chrono::seconds patience{30};

inline host::LoopHost::Deadline soon() { return std::chrono::steady_clock::now() + patience; }

// Reads what a workload says of itself while its loop works.
class FactsOnLoops : public testing::Test {
 protected:
  explicit FactsOnLoops(std::string workload) : workload_(std::move(workload)) {}

  // Empty if there is none of that name.
  [[nodiscard]] std::string fact(const std::string& name) const {
    const auto snapshot = host_.workload(workload_);
    for (const auto& each : snapshot->facts)
      if (each.name == name) return each.value;
    return "";
  }
  [[nodiscard]] bool comes(const std::string& name, const testing::Matcher<std::string>& wanted) const {
    const auto give_up = soon();
    while (!testing::Value(fact(name), wanted))
      if (std::chrono::steady_clock::now() >= give_up) return false;
    return true;
  }

  host::LoopHost host_{host::JobCatalogue{}};

 private:
  const std::string workload_;
};

}  // namespace evloopd::workloads
