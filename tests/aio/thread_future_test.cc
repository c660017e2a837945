#include "aio/thread_future.h"

#include <atomic>
#include <semaphore>
#include <thread>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

// A loop that runs on a thread of its own.
class ThreadFutureTest : public testing::Test {
 public:
  ~ThreadFutureTest() override { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    loop_.call_soon_threadsafe([this] { loop_.stop(); });
    thread_.join();
    loop_.close();
  }
  template <class T>
  ThreadFuture<T> start(Coro<T> coro) {
    return run_coroutine_threadsafe(std::move(coro), loop_.port());
  }
  EventLoop loop_;
  std::thread thread_{[this] { loop_.run_forever(); }};
};

Coro<int> add(int a, int b) {
  co_await yield();
  co_return a + b;
}

TEST_F(ThreadFutureTest, RunsACoroutineInTheLoopsThread) {  // THR-01
  EXPECT_EQ(start(add(1, 2)).result(), 3);
  const auto where = []() -> Coro<std::thread::id> { co_return std::this_thread::get_id(); };
  EXPECT_EQ(start(where()).result(), thread_.get_id());
  const auto fails = []() -> Coro<void> {
    throw ValueError("coroutine");
    co_return;
  };
  EXPECT_THROW(start(fails()).result(), ValueError);
}

TEST_F(ThreadFutureTest, CancellingItCancelsTheTask) {  // THR-02
  std::binary_semaphore began(0);
  std::atomic<bool> cancelled = false;
  const auto body = [&]() -> Coro<void> {
    began.release();
    const auto slept = co_await settled(sleep(1h));
    cancelled = slept.cancelled();
    if (slept.error()) std::rethrow_exception(slept.error());
  };
  const auto future = start(body());
  began.acquire();
  EXPECT_TRUE(future.cancel());
  EXPECT_TRUE(future.cancelled());
  EXPECT_THROW(future.result(), CancelledError);
  EXPECT_FALSE(future.cancel());
  // The loop's thread sees it in one of its next turns.
  while (!cancelled) start(add(0, 0)).result();
}

TEST_F(ThreadFutureTest, ATimeoutOfTheWaitCancelsNothing) {  // THR-02
  std::binary_semaphore go(0);
  const auto body = [&]() -> Coro<int> {
    while (!go.try_acquire()) co_await sleep(1ms);
    co_return 4;
  };
  const auto future = start(body());
  EXPECT_THROW(static_cast<void>(future.result(1ms)), TimeoutError);
  EXPECT_FALSE(future.done());
  go.release();
  EXPECT_EQ(future.result(), 4);
}

TEST_F(ThreadFutureTest, ATaskThatIsCancelledCancelsIt) {  // THR-03
  const auto body = []() -> Coro<void> {
    current_task()->request_cancel(std::nullopt);
    co_await yield();
  };
  const auto future = start(body());
  EXPECT_THROW(future.result(), CancelledError);
  EXPECT_TRUE(future.cancelled());
}

TEST_F(ThreadFutureTest, AClosedLoopRefuses) {  // THR-01
  stop();
  EXPECT_EQ(error_of<LoopError>([&] { static_cast<void>(start(add(1, 2))); }), "Event loop is closed");
}

TEST_F(ThreadFutureTest, OneWhoseLoopGoesFirstIsCancelled) {
  auto other = std::make_unique<EventLoop>();
  other->set_exception_handler([](EventLoop&, const ErrorContext&) {});
  const auto not_taken = run_coroutine_threadsafe(add(1, 2), other->port());
  other->close();
  EXPECT_TRUE(not_taken.cancelled());

  other = std::make_unique<EventLoop>();
  other->set_exception_handler([](EventLoop&, const ErrorContext&) {});
  const auto pending = run_coroutine_threadsafe(sleep(1h, 1), other->port());
  other->stop();
  other->run_forever();
  EXPECT_FALSE(pending.done());
  other->close();
  other.reset();
  EXPECT_TRUE(pending.cancelled());
}

TEST_F(ThreadFutureTest, TellsItsCallbacksOnce) {
  std::atomic<int> told = 0;
  const auto future = start(add(1, 2));
  future.add_done_callback([&] { ++told; });
  EXPECT_EQ(future.result(), 3);
  while (told == 0) std::this_thread::yield();
  future.add_done_callback([&] { told += 10; });
  EXPECT_EQ(told, 11);
}

TEST_F(ThreadFutureTest, ServesManyThreads) {
  std::atomic<int> sum = 0;
  {
    std::vector<std::jthread> askers;
    for (int t = 0; t < 8; ++t)
      askers.emplace_back([&] {
        for (int i = 0; i < 200; ++i) sum += start(add(i, 1)).result();
      });
  }
  EXPECT_EQ(sum, 8 * (200 * 199 / 2 + 200));
}

}  // namespace
}  // namespace evloop
