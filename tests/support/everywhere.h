#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aio/event_loop.h"
#include "base/log.h"
#include "support/leftovers.h"
#include "support/virtual_time.h"

// Interrupts a scenario at each of its suspensions, one run after the other, until a run ends before it is interrupted,
// and looks at what is left.
namespace evloop {

enum class ScenarioTime { real, is_virtual };

// A coroutine that cleans up behind itself, whatever happens to it.
struct Scenario {
  const char* name;
  Coro<void> (*run)();
  ScenarioTime time = ScenarioTime::real;
  std::size_t suspensions = 1;  // at least so many has it
};

// One run of a scenario, in a loop of its own.
class ScenarioRun {
 public:
  explicit ScenarioRun(const Scenario& scenario)
      : time_(scenario.time),
        loop_(time_ == ScenarioTime::real ? EventLoop::Options{}
                                          : EventLoop::Options{.selector = std::make_unique<VirtualTime>(clock_),
                                                               .clock = &clock_,
                                                               .default_exception_handler = {}}) {
    loop_.set_exception_handler(
        [this](EventLoop&, const ErrorContext& context) { reports_.push_back(context.message); });
    task_ = loop_.create_task(scenario.run());
  }

  // Until the task is suspended for the n-th time; false if it ends before.
  bool reach(std::size_t suspension) {
    turn_until([&] { return task_.done() || task_.base().record().read()->steps >= suspension; });
    return !task_.done();
  }
  // Turns the loop; fails after ten seconds.
  template <class Done>
  void turn_until(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const EventLoop::RunScope scope(loop_);
    while (!done()) {
      if (std::chrono::steady_clock::now() >= deadline) {
        ADD_FAILURE() << "does not come to rest";
        return;
      }
      // Does not sleep: what is awaited need be no event of the loop's. In virtual time it may, which costs none.
      if (time_ == ScenarioTime::real) loop_.call_soon([] {});
      loop_.run_once();
    }
  }
  void expect_rest() {
    loop_.call_soon([] {});
    turn_until([first = true]() mutable { return !std::exchange(first, false); });  // publishes its counters
    const auto& stats = loop_.port()->stats;
    turn_until([&] { return loop_.all_tasks().empty() && stats.watchers.get() == 0 && stats.timers_live.get() == 0; });
    EXPECT_TRUE(reports_.empty()) << reports_.front();
  }

  [[nodiscard]] EventLoop& loop() noexcept { return loop_; }
  [[nodiscard]] Task<void>& task() noexcept { return task_; }

 private:
  const ScenarioTime time_;
  std::vector<std::string> reports_;
  VirtualClock clock_;
  EventLoop loop_;
  Task<void> task_;
};

// What a thread does for a loop that is gone, such as reaping a child, may take a moment.
inline void expect_nothing_left(std::size_t descriptors, Duration patience = std::chrono::seconds(10)) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while ((has_child() || open_fds() != descriptors) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_FALSE(has_child()) << "a child is left";
  EXPECT_EQ(open_fds(), descriptors) << "descriptors are left";
}

template <class Interrupt>
std::size_t interrupt_everywhere(const Scenario& scenario, Interrupt interrupt) {
  constexpr std::size_t most = 2000;
  for (std::size_t suspension = 1; suspension < most; ++suspension) {
    const testing::ScopedTrace trace(__FILE__, __LINE__, "at suspension " + std::to_string(suspension));
    const auto descriptors = open_fds();
    const bool ended = interrupt(suspension);
    expect_nothing_left(descriptors);
    if (ended || testing::Test::HasFailure()) return suspension - 1;
  }
  ADD_FAILURE() << scenario.name << " does not end";
  return most;
}

// Cancels the scenario's task at its first suspension, its second, ...: no task, watch or timer is left in the loop,
// nothing is reported, and when the loop is gone no descriptor and no child is left. Frames that are left are found by
// LeakSanitizer. Answers at how many suspensions it was cancelled.
inline std::size_t cancel_everywhere(const Scenario& scenario) {
  return interrupt_everywhere(scenario, [&](std::size_t suspension) {
    ScenarioRun run(scenario);
    const bool ended = !run.reach(suspension);
    if (!ended) {
      run.task().cancel();
      run.turn_until([&] { return run.task().done(); });
    }
    if (!run.task().done()) return true;
    // A cancelled one may end in another way; that is for tests of its own.
    if (!run.task().cancelled() && run.task().exception() && ended) ADD_FAILURE() << "failed without being cancelled";
    run.expect_rest();
    run.loop().run_until_complete(run.loop().shutdown_default_executor());
    run.loop().close();
    return ended;
  });
}

// Closes the loop, or only destroys it, at the scenario's first suspension, its second, ...: with whatever is in flight
// then. Nothing crashes, and no descriptor and no child is left.
inline std::size_t close_everywhere(const Scenario& scenario, bool destroy_only) {
  set_log_sink([](LogLevel, std::string_view) {});  // much is said to be unclosed
  const auto suspensions = interrupt_everywhere(scenario, [&](std::size_t suspension) {
    ScenarioRun run(scenario);
    const bool ended = !run.reach(suspension);
    if (!destroy_only) run.loop().close();
    return ended;
  });
  set_log_sink(nullptr);
  return suspensions;
}

}  // namespace evloop
