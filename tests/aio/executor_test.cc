#include "aio/executor.h"

#include <pthread.h>

#include <atomic>
#include <latch>
#include <memory>
#include <semaphore>
#include <thread>

#include "aio/context_var.h"
#include "aio/settled.h"
#include "aio/sleep.h"
#include "aio/thread_pool.h"
#include "aio/to_thread.h"
#include "base/log.h"
#include "loop_test.h"

namespace evloop {
namespace {

// On real time: these wait for threads.
class ExecutorTest : public testing::Test {
 public:
  ~ExecutorTest() override { loop_.close(); }
  template <class T>
  T run(Coro<T> main) {
    return loop_.run_until_complete(std::move(main));
  }
  EventLoop loop_;
};

TEST_F(ExecutorTest, RunsAFunctionOnAThreadOfTheDefaultPool) {  // EXEC-01
  const auto body = [&]() -> Coro<void> {
    const auto here = std::this_thread::get_id();
    const auto name = co_await loop_.run_in_executor(nullptr, [&] {
      EXPECT_NE(std::this_thread::get_id(), here);
      char text[32];
      ::pthread_getname_np(::pthread_self(), text, sizeof text);
      return std::string(text);
    });
    EXPECT_EQ(name, "asyncio_0");
    co_await loop_.run_in_executor(nullptr, [] {});
    EXPECT_EQ(*co_await loop_.run_in_executor(nullptr, [] { return std::make_unique<int>(3); }), 3);
  };
  run(body());
}

TEST_F(ExecutorTest, TheFunctionsErrorIsTheFutures) {  // EXEC-02
  const auto body = [&]() -> Coro<void> {
    const auto ended = co_await settled(loop_.run_in_executor(nullptr, []() -> int { throw ValueError("job"); }));
    EXPECT_EQ(text_of<ValueError>(ended.error()), "job");
  };
  run(body());
}

TEST_F(ExecutorTest, ToThreadCallsAFunctionWithItsArgumentsOnAThread) {  // EXEC-11
  const auto body = [&]() -> Coro<void> {
    const auto here = std::this_thread::get_id();
    const auto twice = [](int number) { return std::pair(2 * number, std::this_thread::get_id()); };
    const auto [number, there] = co_await to_thread(twice, 4);
    EXPECT_EQ(number, 8);
    EXPECT_NE(there, here);
    EXPECT_EQ(*co_await to_thread([](std::unique_ptr<int> moved) { return moved; }, std::make_unique<int>(3)), 3);
    const auto ended = co_await settled(to_thread([] { throw ValueError("job"); }));
    EXPECT_EQ(text_of<ValueError>(ended.error()), "job");
  };
  run(body());
}

TEST_F(ExecutorTest, ToThreadCarriesACopyOfTheContext) {  // EXEC-11
  static const ContextVar<int> variable("variable", 0);
  const auto body = [&]() -> Coro<void> {
    variable.set(1);
    const auto job = [] {
      const int seen = variable.get();
      variable.set(2);
      return seen;
    };
    EXPECT_EQ(co_await to_thread(job), 1);
    EXPECT_EQ(co_await to_thread(job), 1);
    EXPECT_EQ(variable.get(), 1);
    EXPECT_EQ(co_await loop_.run_in_executor(nullptr, job), 0);
  };
  run(body());
}

TEST_F(ExecutorTest, AClosedLoopTakesNoJob) {  // EXEC-04
  ThreadPool pool(1);
  loop_.close();
  for (Executor* executor : {static_cast<Executor*>(nullptr), static_cast<Executor*>(&pool)})
    EXPECT_EQ(error_of<LoopError>([&] { static_cast<void>(loop_.run_in_executor(executor, [] {})); }),
              "Event loop is closed");
}

TEST_F(ExecutorTest, AJobCancelledBeforeItsTurnNeverRuns) {  // EXEC-03
  std::binary_semaphore go(0);
  std::atomic<bool> ran = false;
  ThreadPool pool(1);
  const auto body = [&]() -> Coro<void> {
    const auto first = loop_.run_in_executor(&pool, [&] { go.acquire(); });
    const auto second = loop_.run_in_executor(&pool, [&] { ran = true; });
    EXPECT_TRUE(second.cancel());
    co_await yield();
    co_await yield();
    go.release();
    co_await first;
    co_await loop_.run_in_executor(&pool, [] {});
  };
  run(body());
  EXPECT_FALSE(ran);
}

TEST_F(ExecutorTest, AJobUnderWayRunsToItsEndAndItsOutcomeIsDropped) {  // EXEC-03, FUT-21
  std::binary_semaphore began(0);
  std::binary_semaphore go(0);
  std::atomic<bool> ended = false;
  ThreadPool pool(1);
  const auto body = [&]() -> Coro<void> {
    const auto job = loop_.run_in_executor(&pool, [&] {
      began.release();
      go.acquire();
      ended = true;
      return 5;
    });
    began.acquire();
    EXPECT_TRUE(job.cancel());
    go.release();
    co_await loop_.run_in_executor(&pool, [] {});
    EXPECT_TRUE(job.cancelled());
  };
  run(body());
  EXPECT_TRUE(ended);
}

TEST_F(ExecutorTest, AfterItsShutdownTheDefaultOneIsRefused) {  // EXEC-06
  auto pool = std::make_shared<ThreadPool>(1);
  const auto body = [&]() -> Coro<void> {
    co_await loop_.run_in_executor(nullptr, [] {});
    co_await loop_.shutdown_default_executor();
    const auto refused = [&] { static_cast<void>(loop_.run_in_executor(nullptr, [] {})); };
    EXPECT_EQ(error_of<LoopError>(refused), "Executor shutdown has been called");
    loop_.set_default_executor(pool);
    EXPECT_EQ(error_of<LoopError>(refused), "Executor shutdown has been called");
    EXPECT_EQ(co_await loop_.run_in_executor(pool.get(), [] { return 1; }), 1);
    co_await loop_.shutdown_default_executor();
  };
  run(body());
}

TEST_F(ExecutorTest, ShutdownWaitsForItsJobsWithoutBlockingTheLoop) {  // EXEC-07
  std::binary_semaphore go(0);
  std::atomic<int> ended = 0;
  const auto body = [&]() -> Coro<void> {
    const auto job = loop_.run_in_executor(nullptr, [&] {
      go.acquire();
      ++ended;
    });
    loop_.call_soon([&] { go.release(); });
    co_await loop_.shutdown_default_executor();
    EXPECT_EQ(ended, 1);
  };
  run(body());
}

TEST_F(ExecutorTest, ShutdownWithoutOneNeedsNoTurn) {  // EXEC-07
  const auto body = [&]() -> Coro<std::uint64_t> {
    const auto before = loop_.port()->stats.iterations.get();
    co_await loop_.shutdown_default_executor();
    co_return loop_.port()->stats.iterations.get() - before;
  };
  EXPECT_EQ(run(body()), 0u);
}

std::string last_log;

TEST_F(ExecutorTest, ShutdownGivesUpAfterItsTimeoutWithAWarning) {  // EXEC-08
  set_log_sink([](LogLevel, std::string_view text) { last_log = text; });
  // Shared: nobody waits for that thread.
  const auto go = std::make_shared<std::binary_semaphore>(0);
  const auto body = [&]() -> Coro<void> {
    const auto job = loop_.run_in_executor(nullptr, [go] { go->acquire(); });
    co_await loop_.shutdown_default_executor(10ms);
  };
  run(body());
  set_log_sink(nullptr);
  EXPECT_EQ(last_log, "The executor did not finishing joining its threads within 0 seconds.");
  go->release();
}

TEST(Executor, AJobThatEndsAfterItsLoopClosedDisturbsNobody) {  // EXEC-09, FUT-23
  std::binary_semaphore began(0);
  std::binary_semaphore go(0);
  auto pool = std::make_shared<ThreadPool>(1);
  const auto token = std::make_shared<int>(1);
  {
    EventLoop loop;
    loop.set_default_executor(pool);
    const auto body = [&]() -> Coro<void> {
      static_cast<void>(loop.run_in_executor(nullptr, [&, token] {
        began.release();
        go.acquire();
        return std::string(100, 'x');
      }));
      began.acquire();
      co_return;
    };
    loop.run_until_complete(body());
    loop.close();
  }
  go.release();
  pool->shutdown(true);
  EXPECT_EQ(token.use_count(), 1);
}

// --- the pool ---

TEST(ThreadPool, RunsJobsInOrderOfSubmissionOnAsManyThreadsAsAreNeeded) {
  std::vector<int> order;
  {
    ThreadPool pool(1);
    for (int i = 0; i < 100; ++i) pool.submit([&order, i] { order.push_back(i); });
  }
  EXPECT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(ThreadPool, RunsAsManyAtATimeAsItMay) {
  std::latch all(4);
  ThreadPool pool(4);
  for (int i = 0; i < 4; ++i) pool.submit([&] { all.arrive_and_wait(); });
  all.wait();
}

TEST(ThreadPool, RefusesJobsAfterItsShutdown) {
  ThreadPool pool(2);
  pool.submit([] {});
  pool.shutdown(false);
  pool.shutdown(true);
  EXPECT_EQ(error_of<LoopError>([&] { pool.submit([] {}); }), "cannot schedule new futures after shutdown");
}

TEST(ThreadPool, TakesNoProcessSignals) {
  std::binary_semaphore done(0);
  ThreadPool pool(1);
  pool.submit([&] {
    sigset_t blocked;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    EXPECT_TRUE(::sigismember(&blocked, SIGTERM));
    EXPECT_TRUE(::sigismember(&blocked, SIGINT));
    done.release();
  });
  done.acquire();
}

}  // namespace
}  // namespace evloop
