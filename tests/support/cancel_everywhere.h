#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/event_loop.h"
#include "support/virtual_time.h"

namespace evloop {

// Runs a scenario again and again, each time in a loop of its own, and cancels its task at its first suspension, at its
// second, at its third, ... until one run ends before it is cancelled. A scenario cleans up behind itself, whatever
// happens: after each run no task, watch or timer is left in the loop, nothing was reported to the exception handler,
// and when the loop is gone no descriptor and no child is left in the process. Frames that are left are found by
// LeakSanitizer.
class CancelEverywhere {
 public:
  enum class Time { real, is_virtual };
  explicit CancelEverywhere(Time time = Time::real) noexcept : time_(time) {}

  // `scenario` answers a Coro<void>. Answers at how many suspensions it was cancelled.
  template <class Scenario>
  std::size_t run(Scenario scenario) {
    constexpr std::size_t most = 2000;
    for (std::size_t suspension = 1; suspension < most; ++suspension)
      if (ends_before(suspension, scenario) || testing::Test::HasFailure()) return suspension - 1;
    ADD_FAILURE() << "it does not end";
    return most;
  }

 private:
  template <class Scenario>
  bool ends_before(std::size_t suspension, Scenario& scenario) {
    const auto where = "cancelled at suspension " + std::to_string(suspension);
    const testing::ScopedTrace trace(__FILE__, __LINE__, where);
    const auto descriptors = open_descriptors();
    bool ended = false;
    {
      VirtualClock clock;
      EventLoop loop(time_ == Time::real ? EventLoop::Options{}
                                         : EventLoop::Options{.selector = std::make_unique<VirtualTime>(clock),
                                                              .clock = &clock,
                                                              .default_exception_handler = {}});
      std::vector<std::string> reports;
      loop.set_exception_handler(
          [&reports](EventLoop&, const ErrorContext& context) { reports.push_back(context.message); });
      {
        const auto task = loop.create_task(scenario());
        turn_until(loop, [&] { return task.done() || task.base().record().read()->steps >= suspension; });
        ended = task.done();
        if (!ended) {
          task.cancel();
          turn_until(loop, [&] { return task.done(); });
        }
        // It may turn its cancellation into something else, or finish in spite of it; that is told by its own test.
        if (!task.done()) return true;
        if (!task.cancelled()) static_cast<void>(task.exception());
        if (ended && !task.cancelled() && task.exception()) ADD_FAILURE() << "failed when nobody cancelled it";
      }
      loop.call_soon([] {});
      turn(loop);  // which publishes its counters
      const auto& stats = loop.port()->stats;
      turn_until(loop, [&] {
        return loop.all_tasks().empty() && stats.watchers.get() == 0 && stats.timers_live.get() == 0;
      });
      EXPECT_TRUE(reports.empty()) << reports.front();
      loop.run_until_complete(loop.shutdown_default_executor());
      loop.close();
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_FALSE(::waitid(P_ALL, 0, nullptr, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD) << "a child is left";
    return ended;
  }

  template <class Done>
  void turn_until(EventLoop& loop, Done done) const {
    using namespace std::chrono_literals;
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!done()) {
      if (std::chrono::steady_clock::now() >= deadline) {
        ADD_FAILURE() << "does not come to rest";
        return;
      }
      turn(loop);
    }
  }
  // Does not sleep: what is awaited need be no event of the loop's. In virtual time it may, which costs none.
  void turn(EventLoop& loop) const {
    const EventLoop::RunScope scope(loop);
    if (time_ == Time::real) loop.call_soon([] {});
    loop.run_once();
  }

  static std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
  }

  const Time time_;
};

}  // namespace evloop
