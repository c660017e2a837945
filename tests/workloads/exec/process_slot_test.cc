#include "workloads/exec/process_slot.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "aio/runner.h"

namespace evloopd::workloads {
namespace {

// Ended, be it reaped or not.
bool is_dead(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto name_end = text.rfind(')');
  return name_end == std::string::npos || text.at(name_end + 2) == 'Z' || text.at(name_end + 2) == 'X';
}

std::unique_ptr<ProcessSlot::Process> start(ProcessSlot& slot) {
  const ExecProgramOptions options{.name = "sleeper", .command = {"sleep", "1000"}};
  return slot.start(options, [] { return true; });
}

evloop::Coro<void> start_one_after_another() {
  const auto slot = std::make_shared<ProcessSlot>();
  for (int i = 0; i < 20; ++i) {
    auto process = start(*slot);
    EXPECT_TRUE(process);
    if (!process) co_return;
    const auto pid = process->pid();
    process.reset();
    co_await ProcessSlot::vacate(slot);
    EXPECT_TRUE(is_dead(pid));
  }
}

TEST(ProcessSlot, WhatIsGivenUpIsDeadBeforeTheNextOneStarts) { evloop::run(start_one_after_another()); }

evloop::Coro<void> start_a_second_one() {
  const auto slot = std::make_shared<ProcessSlot>();
  const auto process = start(*slot);
  EXPECT_TRUE(process);
  EXPECT_FALSE(start(*slot));
  co_return;
}

TEST(ProcessSlot, HasOneAtATime) { evloop::run(start_a_second_one()); }

}  // namespace
}  // namespace evloopd::workloads
