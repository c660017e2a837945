#include "workloads/exec/process_slot.h"

#include <gtest/gtest.h>

#include <memory>

#include "aio/runner.h"
#include "support/processes.h"

namespace evloopd::workloads {
namespace {

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
    EXPECT_TRUE(evloop::has_ended(pid));
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
