#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <new>
#include <semaphore>
#include <thread>

#include "aio/event_loop.h"
#include "aio/lock.h"
#include "aio/queue.h"
#include "aio/semaphore.h"
#include "aio/sleep.h"
#include "base/unique_fd.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

void* counted(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (auto* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

// What comes and goes with every event costs no allocation, once the loop is warm.
namespace evloop {
namespace {

using namespace std::chrono_literals;

class AllocationTest : public testing::Test {
 public:
  ~AllocationTest() override { loop_.close(); }
  void turn(int times = 1) {
    for (int i = 0; i < times; ++i) {
      loop_.stop();
      loop_.run_forever();
    }
  }
  // Enough for the entries of cancelled timers to be dropped for the first time.
  static constexpr int rounds = 200;

  // How often `work` allocates when it has been done as often before.
  template <class F>
  static std::uint64_t when_warm(F&& work) {
    for (int i = 0; i < rounds; ++i) work();
    const auto before = allocations.load();
    for (int i = 0; i < rounds; ++i) work();
    return allocations.load() - before;
  }
  // The same for a coroutine function, inside one task.
  template <class F>
  std::uint64_t when_warm_in_task(F work) {
    const auto body = [&]() -> Coro<std::uint64_t> {
      for (int i = 0; i < rounds; ++i) co_await work();
      const auto before = allocations.load();
      for (int i = 0; i < rounds; ++i) co_await work();
      co_return allocations.load() - before;
    };
    return loop_.run_until_complete(body());
  }
  EventLoop loop_;
};

TEST_F(AllocationTest, TheCounterCounts) {
  EXPECT_EQ(when_warm([] { delete new std::function<void()>; }), std::uint64_t{rounds});
}

TEST_F(AllocationTest, CallSoon) {
  int called = 0;
  EXPECT_EQ(when_warm([&] {
              for (int i = 0; i < 10; ++i) loop_.call_soon([&, i] { called += i; });
              turn();
            }),
            0u);
  EXPECT_EQ(called, 2 * rounds * 45);
}

TEST_F(AllocationTest, ATaskWokenThroughAFuture) {
  EXPECT_EQ(when_warm_in_task([this]() -> Coro<void> {
              const auto future = loop_.create_future<int>();
              loop_.call_soon([future] { future.set_result(1); });
              co_await future;
            }),
            0u);
}

TEST_F(AllocationTest, ACoroutineAndATask) {
  const auto leaf = []() -> Coro<int> { co_return 1; };
  EXPECT_EQ(when_warm_in_task([&]() -> Coro<void> {
              co_await leaf();
              co_await loop_.create_task(leaf());
            }),
            0u);
}

TEST_F(AllocationTest, ATimer) {
  EXPECT_EQ(when_warm([&] {
              loop_.call_later(0s, [] {});
              loop_.call_later(1h, [] {}).cancel();
              turn();
            }),
            0u);
  EXPECT_EQ(when_warm_in_task([]() -> Coro<void> { co_await sleep(1us); }), 0u);
}

TEST_F(AllocationTest, AReadyFd) {
  const UniqueFd fd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  int called = 0;
  loop_.add_reader(fd.get(), [&] { ++called; });
  EXPECT_EQ(when_warm([&] { turn(); }), 0u);
  EXPECT_EQ(called, 2 * rounds);
}

TEST_F(AllocationTest, AFdThatIsWatchedAndNoLonger) {
  const UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  EXPECT_EQ(when_warm([&] {
              loop_.add_reader(fd.get(), [] {});
              loop_.remove_reader(fd.get());
            }),
            0u);
}

TEST_F(AllocationTest, APostFromAnotherThread) {
  std::binary_semaphore go(0);
  std::binary_semaphore begun(0);
  std::atomic<bool> more = true;
  std::jthread poster([&] {
    // More than can be under way later on, when they follow each other.
    for (int i = 0; i < 8; ++i) loop_.call_soon_threadsafe([] {});
    begun.release();
    for (;;) {
      go.acquire();
      if (!more) return;
      loop_.call_soon_threadsafe([this] { loop_.stop(); });
    }
  });
  begun.acquire();  // or the first ones would be used again before all are there
  EXPECT_EQ(when_warm([&] {
              go.release();
              loop_.run_forever();
            }),
            0u);
  more = false;
  go.release();
}

TEST_F(AllocationTest, AnUncontendedLockAndSemaphore) {
  Lock lock;
  Semaphore semaphore(1);
  EXPECT_EQ(when_warm_in_task([&]() -> Coro<void> {
              const auto held = co_await lock.scoped();
              const auto unit = co_await semaphore.scoped();
            }),
            0u);
}

TEST_F(AllocationTest, AContendedLock) {
  Lock lock;
  const auto waits = [&]() -> Coro<void> { const auto held = co_await lock.scoped(); };
  EXPECT_EQ(when_warm_in_task([&]() -> Coro<void> {
              co_await lock.acquire();
              const auto waiter = loop_.create_task(waits());
              co_await yield();
              lock.release();
              co_await waiter;
            }),
            0u);
}

TEST_F(AllocationTest, AQueueWithAndWithoutWaiting) {
  Queue<int> queue(4);
  const auto gets = [&]() -> Coro<int> { co_return co_await queue.get(); };
  EXPECT_EQ(when_warm_in_task([&]() -> Coro<void> {
              for (int i = 0; i < 3; ++i) co_await queue.put(i);
              for (int i = 0; i < 3; ++i) co_await queue.get();
              const auto getter = loop_.create_task(gets());
              co_await yield();
              co_await queue.put(1);
              co_await getter;
            }),
            0u);
}

TEST_F(AllocationTest, ADoneCallback) {
  EXPECT_EQ(when_warm([&] {
              const auto future = loop_.create_future<int>();
              future.add_done_callback([](const Future<int>&) {});
              future.set_result(1);
              turn();
            }),
            0u);
}

}  // namespace
}  // namespace evloop
