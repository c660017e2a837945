// Many callers at once: every call is answered, and the host stays whole.

#include <gmock/gmock.h>

#include <array>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "host/fixture.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using namespace host::testing;

class Concurrency : public HostTest {};

constexpr int threads = 8;
constexpr int rounds = 150;
constexpr std::array names{"io-0", "io-1", "io-2"};

// Whatever meets a loop in the wrong state is refused for one of these reasons, and for no other.
void expect_expected(const HostError& error) {
  static const std::set<Reason> expected{
      Reason::loop_not_found, Reason::loop_exists,        Reason::loop_already_running,  Reason::loop_running,
      Reason::loop_closed,    Reason::loop_stopped_early, Reason::operation_in_progress, Reason::job_failed,
      Reason::loop_not_stuck, Reason::loop_stalled};
  EXPECT_TRUE(expected.contains(error.reason)) << error.message;
}

template <class T>
void check(const HostResult<T>& result) {
  if (!result) expect_expected(result.error());
}

TEST_F(Concurrency, EveryCommandFromManyThreads) {
  const auto hammer = [&](unsigned seed) {
    std::minstd_rand random(seed + 1);
    for (int round = 0; round < rounds; ++round) {
      const std::string name = names[random() % names.size()];
      LoopOptions options;
      options.name = name;
      switch (random() % 11) {
        case 0: check(host->create(options)); break;
        case 1:
        case 2: check(host->start(name, soon())); break;
        case 3: check(host->stop(name, soon())); break;
        case 4: check(host->drain(name, soon())); break;
        case 5: check(host->close(name, random() % 2 ? CloseMode::graceful : CloseMode::raw, soon())); break;
        case 6: check(host->remove(name)); break;
        case 7: check(job(name, "echo")); break;
        case 8: check(host->tasks(name)); break;
        case 9: check(host->replace(name, /*force=*/true, soon())); break;
        case 10:
          for (const auto& loop : host->list()) EXPECT_FALSE(loop.name.empty());
          break;
      }
    }
  };
  {
    std::vector<std::jthread> callers;
    for (unsigned i = 0; i < threads; ++i) callers.emplace_back(hammer, i);
  }
  EXPECT_THAT(host->shutdown(0s, nullptr), ::testing::IsEmpty());
}

TEST_F(Concurrency, StartAndStopOfOneLoopFromTwoThreadsNeverLosesOne) {
  create("io-0");
  {
    std::jthread starter([&] {
      for (int i = 0; i < rounds; ++i) check(host->start("io-0", soon()));
    });
    std::jthread stopper([&] {
      for (int i = 0; i < rounds; ++i) check(host->stop("io-0", soon()));
    });
  }
  static_cast<void>(host->start("io-0", soon()));
  ASSERT_TRUE(host->stop("io-0", soon()));
  EXPECT_FALSE(get("io-0").is_running);
}

}  // namespace
}  // namespace evloopd::host
