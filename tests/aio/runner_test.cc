#include "aio/runner.h"

#include <memory>
#include <thread>

#include "aio/async_generator.h"
#include "aio/context_var.h"
#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class RunnerTest : public testing::Test {
 public:
  // A loop on virtual time that notes what is reported.
  Runner::Options options() {
    return {.debug = {}, .loop_factory = [this] {
              ++loops_;
              return std::make_unique<EventLoop>(EventLoop::Options{
                  .selector = std::make_unique<VirtualTime>(clock_),
                  .clock = &clock_,
                  .default_exception_handler = [this](EventLoop&, const ErrorContext& told) { note(told.message); }});
            }};
  }
  void note(std::string what) { trace_.push_back(std::move(what)); }
  Coro<void> background(std::string name) {
    const auto slept = co_await settled(sleep(1h));
    note(name + (slept.cancelled() ? " cancelled" : ""));
    if (slept.error()) std::rethrow_exception(slept.error());
  }
  VirtualClock clock_;
  int loops_ = 0;
  std::vector<std::string> trace_;
};

Coro<int> number(int value) { co_return value; }

TEST_F(RunnerTest, RunsOnANewLoopAndAnswersTheOutcome) {  // RUN-01
  EXPECT_EQ(run(number(3), options()), 3);
  const auto fails = []() -> Coro<void> {
    throw ValueError("main");
    co_return;
  };
  EXPECT_THROW(run(fails(), options()), ValueError);
  EXPECT_EQ(loops_, 2);
  EXPECT_EQ(running_loop_or_null(), nullptr);
}

TEST_F(RunnerTest, IsNotUsedInsideARunningLoop) {  // RUN-02
  const auto body = [&]() -> Coro<void> {
    EXPECT_EQ(error_of<LoopError>([] { run(number(1)); }), "asyncio.run() cannot be called from a running event loop");
    Runner runner;
    EXPECT_EQ(error_of<LoopError>([&] { runner.run(number(1)); }),
              "Runner.run() cannot be called from a running event loop");
    co_return;
  };
  run(body(), options());
}

TEST_F(RunnerTest, RunsAFutureToo) {  // RUN-03
  Runner runner(options());
  const auto task = runner.get_loop().create_task(number(4));
  EXPECT_EQ(runner.run(Future<int>(task)), 4);
  const auto failed = runner.get_loop().create_future<void>();
  failed.set_exception(ValueError("future"));
  EXPECT_THROW(runner.run(failed), ValueError);
}

TEST_F(RunnerTest, ClosesInOrder) {  // RUN-04
  const auto counts = [&]() -> AsyncGenerator<int> {
    std::exception_ptr error;
    try {
      co_yield 1;
    } catch (...) {
      error = std::current_exception();
    }
    note("generator closed");
    if (error) std::rethrow_exception(error);
  };
  AsyncGenerator<int> generator;
  const auto body = [&]() -> Coro<void> {
    generator = counts();
    static_cast<void>(co_await generator.anext());
    static_cast<void>(get_running_loop().create_task(background("task")));
    co_await yield();
  };
  run(body(), options());
  EXPECT_THAT(trace_, ElementsAre("task cancelled", "generator closed"));
}

TEST_F(RunnerTest, ReportsATaskThatFailsWhileItIsCancelled) {  // RUN-05
  const auto fails = [&]() -> Coro<void> {
    static_cast<void>(co_await settled(sleep(1h)));
    throw ValueError("clean-up");
  };
  const auto body = [&]() -> Coro<int> {
    static_cast<void>(get_running_loop().create_task(fails()));
    co_await yield();
    co_return 8;
  };
  EXPECT_EQ(run(body(), options()), 8);
  EXPECT_THAT(trace_, ElementsAre("unhandled exception during asyncio.run() shutdown"));
}

TEST_F(RunnerTest, WaitsForATaskThatSwallowsItsCancellation) {  // RUN-06
  const auto swallows = [&]() -> Coro<void> {
    static_cast<void>(co_await settled(sleep(1h)));
    co_await sleep(24h);
    note("ended");
  };
  const auto body = [&]() -> Coro<void> {
    static_cast<void>(get_running_loop().create_task(swallows()));
    co_await yield();
  };
  run(body(), options());
  EXPECT_THAT(trace_, ElementsAre("ended"));
}

TEST_F(RunnerTest, MakesItsLoopAtFirstUseAndKeepsIt) {  // RUN-07
  Runner runner(options());
  EXPECT_EQ(loops_, 0);
  auto& loop = runner.get_loop();
  EXPECT_EQ(runner.run(number(1)), 1);
  EXPECT_EQ(runner.run(number(2)), 2);
  EXPECT_EQ(&runner.get_loop(), &loop);
  EXPECT_EQ(loops_, 1);
}

TEST_F(RunnerTest, RunsInOneContextOfItsOwn) {  // RUN-07
  static const ContextVar<int> variable("variable", 0);
  const auto count = []() -> Coro<int> {
    const int before = variable.get();
    variable.set(before + 1);
    co_await yield();
    co_return before;
  };
  {
    Runner runner(options());
    EXPECT_EQ(runner.run(count()), 0);
    EXPECT_EQ(runner.run(count()), 1);
    EXPECT_EQ(runner.run(count(), Context::empty()), 0);
    EXPECT_EQ(runner.run(count()), 2);
  }
  Context::empty().run([&] {
    variable.set(10);
    Runner runner(options());
    static_cast<void>(runner.get_loop());
    variable.set(20);
    EXPECT_EQ(runner.run(count()), 10);
    EXPECT_EQ(variable.get(), 20);
  });
}

TEST_F(RunnerTest, IsClosedOnce) {  // RUN-08
  Runner unused(options());
  unused.close();
  EXPECT_EQ(unused.run(number(1)), 1);
  unused.close();
  unused.close();
  EXPECT_EQ(error_of<LoopError>([&] { unused.run(number(1)); }), "Runner is closed");
  EXPECT_EQ(error_of<LoopError>([&] { static_cast<void>(unused.get_loop()); }), "Runner is closed");
}

TEST_F(RunnerTest, SetsTheDebugFlag) {  // RUN-09
  auto debug = options();
  debug.debug = true;
  Runner runner(std::move(debug));
  EXPECT_TRUE(runner.get_loop().debug());
  Runner plain(options());
  EXPECT_FALSE(plain.get_loop().debug());
}

TEST_F(RunnerTest, ClosesAfterAFatalError) {
  const auto body = [&]() -> Coro<void> {
    static_cast<void>(get_running_loop().create_task(background("task")));
    co_await yield();
    throw ExitRequest(3);
  };
  EXPECT_THROW(run(body(), options()), ExitRequest);
  EXPECT_THAT(trace_, ElementsAre("task cancelled"));
}

TEST_F(RunnerTest, WorksOnAnyThread) {
  std::thread([&] { EXPECT_EQ(run(number(5), options()), 5); }).join();
}

}  // namespace
}  // namespace evloop
