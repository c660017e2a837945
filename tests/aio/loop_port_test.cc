#include "aio/loop_port.h"

#include <array>
#include <atomic>
#include <latch>
#include <semaphore>
#include <thread>
#include <vector>

#include "aio/event_loop.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class LoopPortTest : public testing::Test {
 public:
  ~LoopPortTest() override { loop_.close(); }
  EventLoop loop_;
  LoopPort& port_ = *loop_.port();
};

TEST_F(LoopPortTest, PostsFromManyThreadsRunOnceEachInTheirThreadsOrder) {  // SCHED-01, SCHED-03
  constexpr int threads = 8;
  constexpr int posts = 2000;
  std::array<std::vector<int>, threads> seen;
  int left = threads * posts;
  {
    std::vector<std::jthread> posters;
    for (int t = 0; t < threads; ++t)
      posters.emplace_back([&, t] {
        for (int i = 0; i < posts; ++i)
          loop_.call_soon_threadsafe([&, t, i] {
            seen[static_cast<std::size_t>(t)].push_back(i);
            if (--left == 0) loop_.stop();
          });
      });
    loop_.run_forever();
  }
  for (const auto& numbers : seen) {
    EXPECT_EQ(numbers.size(), static_cast<std::size_t>(posts));
    EXPECT_TRUE(std::ranges::is_sorted(numbers));
  }
  EXPECT_EQ(port_.mailbox_length(), 0u);
}

TEST_F(LoopPortTest, ABatchOfPostsNeedsOneWakeUp) {  // SCHED-05
  std::atomic<int> ran = 0;
  std::thread([&] {
    for (int i = 0; i < 100; ++i) loop_.call_soon_threadsafe([&] { ++ran; });
  }).join();
  EXPECT_EQ(port_.mailbox_length(), 100u);
  EXPECT_EQ(port_.wakeups(), 0u);  // the loop did not sleep
  loop_.stop();
  loop_.run_forever();
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(port_.mailbox_length(), 0u);
}

TEST_F(LoopPortTest, AnyNumberOfPostsThatNobodyTakesFailsNobody) {  // SCHED-04
  constexpr int posts = 100'000;                                    // a pipe holds 65,536 bytes
  int ran = 0;
  for (int i = 0; i < posts; ++i) loop_.call_soon_threadsafe([&] { ++ran; });
  loop_.stop();
  loop_.run_forever();
  EXPECT_EQ(ran, posts);
}

TEST_F(LoopPortTest, NoPostIsMissedByALoopThatGoesToSleep) {  // SCHED-03
  // One at a time, each at the moment at which the loop has nothing to do any more.
  std::atomic<int> count = 0;
  std::jthread poster([&] {
    for (int i = 0; i < 3000; ++i) {
      loop_.call_soon_threadsafe([&] {
        if (++count == 3000) loop_.stop();
        count.notify_one();
      });
      count.wait(i);
    }
  });
  loop_.run_forever();
  EXPECT_EQ(count, 3000);
}

TEST_F(LoopPortTest, AHandleCancelledBeforeItsTurnNeverRuns) {  // SCHED-06
  bool ran = false;
  ThreadsafeHandle handle;
  std::thread([&] {
    handle = loop_.call_soon_threadsafe([&] { ran = true; });
    handle.cancel();
    EXPECT_TRUE(handle.cancelled());
  }).join();
  loop_.stop();
  loop_.run_forever();
  EXPECT_FALSE(ran);
  EXPECT_TRUE(handle.cancelled());
}

TEST_F(LoopPortTest, CancelAndCancelledWaitForACallbackThatRuns) {  // SCHED-06
  for (const bool cancels : {true, false}) {
    std::binary_semaphore started(0);
    std::binary_semaphore go(0);
    std::atomic<bool> ended = false;
    const auto handle = std::make_shared<ThreadsafeHandle>(loop_.call_soon_threadsafe([&] {
      started.release();
      go.acquire();
      ended = true;
    }));
    std::jthread other([&] {
      started.acquire();
      std::jthread helper([&] { go.release(); });
      if (cancels) {
        handle->cancel();
      } else {
        EXPECT_FALSE(handle->cancelled());
      }
      EXPECT_TRUE(ended);
    });
    loop_.stop();
    loop_.run_forever();
    other.join();
    EXPECT_EQ(handle->cancelled(), cancels);
  }
}

TEST_F(LoopPortTest, ACallbackMayCancelItself) {  // SCHED-07
  ThreadsafeHandle handle;
  bool ended = false;
  handle = loop_.call_soon_threadsafe([&] {
    handle.cancel();
    EXPECT_TRUE(handle.cancelled());
    ended = true;
  });
  loop_.stop();
  loop_.run_forever();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(handle.cancelled());
}

TEST_F(LoopPortTest, CancellingRacesWithRunningAndOneOfThemWins) {  // SCHED-06
  constexpr int rounds = 2000;
  int ran = 0;
  int cancelled = 0;
  std::vector<ThreadsafeHandle> handles(rounds);
  std::vector<char> ran_at(rounds);
  std::latch posted(1);
  std::jthread canceller([&] {
    posted.wait();
    for (auto& handle : handles) handle.cancel();
    loop_.call_soon_threadsafe([&] { loop_.stop(); });
  });
  for (std::size_t i = 0; i < handles.size(); ++i)
    handles[i] = loop_.call_soon_threadsafe([&ran_at, i] { ran_at[i] = 1; });
  posted.count_down();
  loop_.run_forever();
  canceller.join();
  for (const char did : ran_at) ran += did;
  for (auto& handle : handles) cancelled += handle.cancelled() ? 1 : 0;
  EXPECT_EQ(cancelled, rounds);
  EXPECT_LE(ran, rounds);
}

TEST_F(LoopPortTest, AHandleMayBeDroppedOnAnyThread) {
  std::vector<ThreadsafeHandle> handles;
  for (int i = 0; i < 1000; ++i) handles.push_back(loop_.call_soon_threadsafe([] {}));
  std::jthread dropper([&] { handles.clear(); });
  loop_.stop();
  loop_.run_forever();
}

TEST(LoopPort, PostsThatRaceWithClosingAreRunRefusedOrDropped) {
  for (int round = 0; round < 20; ++round) {
    auto loop = std::make_unique<EventLoop>();
    const auto port = loop->port();
    const auto token = std::make_shared<int>(1);
    std::latch begin(5);
    std::atomic<int> accepted = 0;
    std::atomic<int> refused = 0;
    std::vector<std::jthread> posters;
    for (int t = 0; t < 4; ++t)
      posters.emplace_back([&] {
        begin.arrive_and_wait();
        for (int i = 0; i < 200; ++i) ++(port->post([token] {}) ? accepted : refused);
      });
    begin.arrive_and_wait();
    loop->stop();
    loop->run_forever();
    loop->close();
    loop.reset();
    posters.clear();
    EXPECT_EQ(accepted + refused, 800);
    EXPECT_EQ(token.use_count(), 1);
    EXPECT_TRUE(port->is_closed());
    EXPECT_EQ(error_of<LoopError>([&] { port->call_soon_threadsafe([] {}); }), "Event loop is closed");
  }
}

TEST_F(LoopPortTest, TellsWhetherTheLoopRuns) {  // LIFE-24
  EXPECT_FALSE(port_.is_running());
  EXPECT_FALSE(port_.stop_pending());
  std::binary_semaphore checked(0);
  std::jthread other([&] {
    std::binary_semaphore runs(0);
    loop_.call_soon_threadsafe([&] { runs.release(); });
    runs.acquire();
    EXPECT_TRUE(port_.is_running());
    loop_.call_soon_threadsafe([&] { loop_.stop(); });
  });
  loop_.run_forever();
  other.join();
  EXPECT_FALSE(port_.is_running());
}

TEST_F(LoopPortTest, ReportsAPostThatThrows) {  // SCHED-14
  std::vector<std::string> told;
  loop_.set_exception_handler([&](EventLoop&, const ErrorContext& context) { told.push_back(context.message); });
  loop_.call_soon_threadsafe([] { throw std::runtime_error("posted"); });
  loop_.stop();
  loop_.run_forever();
  EXPECT_EQ(told.size(), 1u);
}

TEST_F(LoopPortTest, PostsMayPost) {
  int depth = 0;
  const std::function<void()> post = [&] {
    if (++depth == 1000) return loop_.stop();
    loop_.call_soon_threadsafe(post);
  };
  loop_.call_soon_threadsafe(post);
  loop_.run_forever();
  EXPECT_EQ(depth, 1000);
}

}  // namespace
}  // namespace evloop
