#include "aio/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <latch>
#include <thread>

#include "aio/sleep.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "loop_test.h"

namespace evloop {
namespace {

class EventLoopTest : public LoopTest {
 protected:
  // A callback that notes `what`.
  auto noting(std::string what) {
    return [this, what = std::move(what)] { note(what); };
  }
};

class Exit final : public Fatal {};

// --- one iteration ---

TEST_F(EventLoopTest, ATurnRunsWhatWasQueuedThenReadyFdsThenDueTimers) {  // LIFE-01, LIFE-02
  const UniqueFd fd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  loop().add_writer(fd.get(), noting("writer"));
  loop().add_reader(fd.get(), noting("reader"));
  loop().call_at(loop().time() - 1s, noting("timer"));
  loop().call_at(loop().time() - 2s, noting("earlier timer"));
  loop().call_soon(noting("first"));
  loop().call_soon(noting("second"));
  turn();
  EXPECT_THAT(noted(), ElementsAre("first", "second", "reader", "writer", "earlier timer", "timer"));
  EXPECT_TRUE(loop().remove_reader(fd.get()));
  EXPECT_TRUE(loop().remove_writer(fd.get()));
}

TEST_F(EventLoopTest, WhatACallbackQueuesWaitsForTheNextTurn) {  // LIFE-03, LIFE-10
  loop().call_soon([&] {
    note("outer");
    loop().call_soon(noting("inner"));
    loop().call_later(-1s, noting("inner timer"));
  });
  turn();
  EXPECT_THAT(noted(), ElementsAre("outer"));
  turn();
  EXPECT_THAT(noted(), ElementsAre("inner", "inner timer"));
}

TEST_F(EventLoopTest, AHandleCancelledEarlierInTheSameTurnIsSkipped) {  // LIFE-04
  Handle later;
  TimerHandle timer;
  loop().call_soon([&] {
    later.cancel();
    timer.cancel();
  });
  later = loop().call_soon(noting("cancelled"));
  timer = loop().call_later(0s, noting("cancelled timer"));
  loop().call_soon(noting("kept"));
  turn();
  EXPECT_THAT(noted(), ElementsAre("kept"));
}

TEST_F(EventLoopTest, SleepsUntilTheFirstTimerThatIsNotCancelled) {  // LIFE-05, LIFE-06
  loop().call_later(1s, noting("cancelled")).cancel();
  loop().call_later(5s, [&] { loop().stop(); });
  const auto before = turns();
  loop().run_forever();
  EXPECT_EQ(now(), 5s);
  EXPECT_EQ(turns() - before, 1u);
}

TEST_F(EventLoopTest, NeverSleepsLongerThanADay) {  // LIFE-05
  loop().call_later(25h, [&] { loop().stop(); });
  const auto before = turns();
  loop().run_forever();
  EXPECT_EQ(now(), 25h);
  EXPECT_EQ(turns() - before, 2u);
}

TEST_F(EventLoopTest, AnEndlessDelayIsNoTimeInThePast) {
  run(sleep(1s));
  loop().call_later(Duration::max(), noting("never"));
  const auto sleeper = start(sleep(Duration::max()));
  turn(3);
  EXPECT_THAT(noted(), IsEmpty());
  EXPECT_FALSE(sleeper.done());
  sleeper.cancel();
  turn();
}

// Nothing is ever ready, and every sleep takes ten seconds.
class Oversleeping final : public Selector {
 public:
  explicit Oversleeping(VirtualClock& clock) : clock_(clock) {}
  void add(int, Interest) override {}
  void modify(int, Interest) override {}
  void add_wake_up(int) override {}
  void remove(int) noexcept override {}
  std::span<const ReadyFd> select(std::optional<Duration>) override {
    clock_.advance(10s);
    return {};
  }

 private:
  VirtualClock& clock_;
};

TEST(EventLoop, TimersAreComparedWithTheTimeAfterThePoll) {  // LIFE-08
  VirtualClock clock;
  EventLoop loop({.selector = std::make_unique<Oversleeping>(clock), .clock = &clock, .default_exception_handler = {}});
  std::string trace;
  loop.call_later(1s, [&] { trace += '1'; });
  loop.call_later(9s, [&] { trace += '9'; });
  loop.call_later(11s, [&] { trace += 'x'; });
  loop.stop();
  loop.run_forever();
  EXPECT_EQ(trace, "19");
  loop.close();
}

TEST(EventLoop, TimeIsMonotonicAndAnyThreadMayReadIt) {  // SCHED-13
  EventLoop loop;
  const auto before = loop.time();
  TimePoint elsewhere;
  std::thread([&] { elsewhere = loop.time(); }).join();
  EXPECT_GE(elsewhere, before);
  EXPECT_GE(loop.time(), elsewhere);
  loop.close();
}

// --- run and stop ---

TEST_F(EventLoopTest, StopBeforeARunLetsItMakeOneTurn) {  // LIFE-16, LIFE-17
  loop().stop();
  loop().call_soon([&] {
    note("first");
    loop().call_soon(noting("second"));
  });
  loop().call_later(0s, noting("due"));
  loop().call_later(1s, noting("not due"));
  loop().run_forever();
  EXPECT_THAT(noted(), ElementsAre("first", "due"));
  EXPECT_EQ(now(), 0s);
}

TEST_F(EventLoopTest, StopFinishesTheTurn) {  // LIFE-18, LIFE-19
  loop().call_soon([&] {
    loop().stop();
    note("stops");
  });
  loop().call_soon([&] {
    note("behind");
    loop().call_soon(noting("next run"));
  });
  loop().run_forever();
  EXPECT_THAT(noted(), ElementsAre("stops", "behind"));
  loop().call_soon([&] { loop().stop(); });
  loop().run_forever();
  EXPECT_THAT(noted(), ElementsAre("next run"));
}

TEST_F(EventLoopTest, OneStopEndsOneRunAlsoIfThatFailed) {  // LIFE-19
  loop().call_soon([&] {
    loop().stop();
    throw Exit();
  });
  EXPECT_THROW(loop().run_forever(), Exit);
  EXPECT_FALSE(loop().is_running());
  EXPECT_FALSE(loop().stopping());
  run(sleep(1s));  // takes more than one turn
}

TEST_F(EventLoopTest, StopIsLegalAtAnyTime) {  // LIFE-20
  loop().stop();
  loop().stop();
  turn();
  loop().close();
  loop().stop();
}

TEST_F(EventLoopTest, RefusesANestedRun) {  // LIFE-22, LIFE-23
  const auto body = [&]() -> Coro<void> {
    EXPECT_EQ(error_of<LoopError>([&] { loop().run_forever(); }), "This event loop is already running");
    EXPECT_EQ(error_of<LoopError>([&] { loop().run_until_complete(sleep(0s)); }), "This event loop is already running");
    EventLoop other;
    EXPECT_EQ(error_of<LoopError>([&] { other.run_forever(); }),
              "Cannot run the event loop while another loop is running");
    EXPECT_FALSE(other.is_running());
    EXPECT_EQ(&get_running_loop(), &loop());
    other.close();
    EXPECT_TRUE(loop().is_running());
    co_await sleep(1s);
  };
  run(body());
  EXPECT_EQ(loop().all_tasks().size(), 0u);
}

TEST_F(EventLoopTest, IsTheRunningLoopDuringARunOnly) {  // LIFE-24
  EXPECT_EQ(running_loop_or_null(), nullptr);
  EXPECT_EQ(error_of<LoopError>([] { static_cast<void>(get_running_loop()); }), "no running event loop");
  EXPECT_FALSE(loop().is_running());
  loop().call_soon([&] {
    EXPECT_TRUE(loop().is_running());
    EXPECT_EQ(&get_running_loop(), &loop());
  });
  turn();
  EXPECT_FALSE(loop().is_running());
  EXPECT_EQ(running_loop_or_null(), nullptr);
}

TEST_F(EventLoopTest, SingleTurnsBelongIntoAScope) {  // LIFE-26
  loop().call_soon([&] {
    note("a");
    loop().call_soon(noting("b"));
  });
  {
    const EventLoop::RunScope scope(loop());
    EXPECT_TRUE(loop().is_running());
    loop().run_once();
    EXPECT_THAT(noted(), ElementsAre("a"));
    loop().run_once();
    EXPECT_THAT(noted(), ElementsAre("b"));
  }
  EXPECT_FALSE(loop().is_running());
}

TEST_F(EventLoopTest, WhatIsPendingSurvivesBetweenRuns) {  // LIFE-25
  const auto sleeper = start(sleep(10s));
  loop().call_later(1s, [&] { loop().stop(); });
  loop().run_forever();
  EXPECT_FALSE(sleeper.done());
  loop().run_until_complete(sleeper);
  EXPECT_EQ(now(), 10s);
}

// --- run_until_complete ---

TEST_F(EventLoopTest, RunUntilCompleteAnswersTheValueOrThrows) {  // LIFE-30
  const auto value = []() -> Coro<std::string> { co_return "value"; };
  EXPECT_EQ(run(value()), "value");
  const auto fails = []() -> Coro<void> {
    co_await yield();
    throw ValueError("no");
  };
  EXPECT_THROW(run(fails()), ValueError);
  const auto future = loop().create_future<int>();
  loop().call_soon([&] { future.cancel("why"); });
  try {
    loop().run_until_complete(future);
    ADD_FAILURE();
  } catch (const CancelledError& error) {
    EXPECT_EQ(error.message, "why");
  }
}

TEST_F(EventLoopTest, NeedsOneTurnForWhatIsDoneAndTwoForACoroutineThatDoesNotSuspend) {  // LIFE-29
  const auto future = loop().create_future<int>();
  future.set_result(1);
  auto before = turns();
  EXPECT_EQ(loop().run_until_complete(future), 1);
  EXPECT_EQ(turns() - before, 1u);
  const auto at_once = []() -> Coro<void> { co_return; };
  before = turns();
  run(at_once());
  EXPECT_EQ(turns() - before, 2u);
}

TEST_F(EventLoopTest, AStopBeforeTheFutureIsDoneIsAnError) {  // LIFE-28, LIFE-31
  const auto future = loop().create_future<int>();
  loop().call_soon([&] { loop().stop(); });
  EXPECT_EQ(error_of<LoopError>([&] { loop().run_until_complete(future); }),
            "Event loop stopped before Future completed.");
  EXPECT_FALSE(future.done());
  // It left no callback behind that would stop a later run.
  future.set_result(1);
  run(sleep(1s));
  EXPECT_EQ(loop().run_until_complete(future), 1);
}

TEST_F(EventLoopTest, AFutureDoneWithinTheLastTurnCountsAsDone) {  // LIFE-32
  loop().stop();
  const auto future = loop().create_future<int>();
  loop().call_soon([&] { future.set_result(3); });
  EXPECT_EQ(loop().run_until_complete(future), 3);
}

TEST_F(EventLoopTest, RunUntilCompleteTakesNoFutureOfAnotherLoop) {  // LIFE-27
  EventLoop other;
  const auto future = other.create_future<int>();
  EXPECT_EQ(error_of<ValueError>([&] { loop().run_until_complete(future); }),
            "The future belongs to a different loop than the one specified as the loop argument");
  other.close();
}

TEST_F(EventLoopTest, AFatalErrorOfTheCoroutineLeavesTheRunAndNoStopBehind) {  // LIFE-33, TASK-11
  const auto fatal = []() -> Coro<void> {
    co_await yield();
    throw Exit();
  };
  EXPECT_THROW(run(fatal()), Exit);
  run(sleep(1s));
  EXPECT_EQ(now(), 1s);
}

// --- exceptions out of the loop ---

TEST_F(EventLoopTest, OnlyFatalErrorsLeaveARun) {  // LIFE-34
  loop().call_soon([] { throw std::runtime_error("ordinary"); });
  loop().call_soon([] { throw 5; });
  loop().call_soon([] { throw CancelledError(); });
  loop().call_soon(noting("behind"));
  turn();
  EXPECT_THAT(noted(), ElementsAre("behind"));
  EXPECT_EQ(reported().size(), 3u);
  loop().call_soon([] { throw ExitRequest(3); });
  EXPECT_THROW(loop().run_forever(), ExitRequest);
}

TEST_F(EventLoopTest, TheRestOfABatchThatAFatalErrorLeftRunsFirstInTheNextRun) {  // LIFE-35
  loop().call_soon([&] {
    note("throws");
    throw Exit();
  });
  loop().call_soon(noting("rest"));
  EXPECT_THROW(loop().run_forever(), Exit);
  EXPECT_THAT(noted(), ElementsAre("throws"));
  loop().call_soon(noting("new"));
  turn();
  EXPECT_THAT(noted(), ElementsAre("rest", "new"));
}

TEST_F(EventLoopTest, AFatalErrorOfEachKindOfCallbackLeavesTheRun) {  // LIFE-34
  const UniqueFd fd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  loop().add_reader(fd.get(), [] { throw Exit(); });
  EXPECT_THROW(loop().run_forever(), Exit);
  loop().remove_reader(fd.get());
  loop().call_later(1s, [] { throw Exit(); });
  EXPECT_THROW(loop().run_forever(), Exit);
  loop().call_soon_threadsafe([] { throw Exit(); });
  EXPECT_THROW(loop().run_forever(), Exit);
  const auto future = loop().create_future<void>();
  future.add_done_callback([](const Future<void>&) { throw Exit(); });
  future.set_result();
  EXPECT_THROW(loop().run_forever(), Exit);
  turn();
}

// --- close ---

TEST_F(EventLoopTest, ARunningLoopIsNotClosed) {  // LIFE-36
  loop().call_soon([&] {
    EXPECT_EQ(error_of<LoopError>([&] { loop().close(); }), "Cannot close a running event loop");
    note("goes on");
  });
  turn();
  EXPECT_THAT(noted(), ElementsAre("goes on"));
  EXPECT_FALSE(loop().is_closed());
}

TEST_F(EventLoopTest, CloseIsIdempotentAndDropsWhatIsQueued) {  // LIFE-37, LIFE-38
  auto captured = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = captured;
  loop().call_soon([captured] {});
  loop().call_later(1s, [captured] {});
  loop().call_soon_threadsafe([captured] {});
  captured.reset();
  EXPECT_FALSE(watch.expired());
  loop().close();
  EXPECT_TRUE(watch.expired());
  loop().close();
  EXPECT_TRUE(loop().is_closed());
}

TEST_F(EventLoopTest, CloseCancelsNothing) {  // LIFE-39
  const auto task = start(sleep(1h));
  const auto future = loop().create_future<void>();
  const auto timer = loop().call_later(1s, [] {});
  turn();
  loop().close();
  EXPECT_FALSE(task.done());
  EXPECT_FALSE(future.done());
  EXPECT_FALSE(timer.cancelled());
  end_loop();
  EXPECT_THAT(reported(), ElementsAre("Task was destroyed but it is pending!"));
}

TEST_F(EventLoopTest, AClosedLoopRefusesWork) {  // LIFE-40
  const UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  loop().close();
  const auto closed = [](auto&& function) {
    EXPECT_EQ(error_of<LoopError>(std::forward<decltype(function)>(function)), "Event loop is closed");
  };
  closed([&] { loop().run_forever(); });
  closed([&] { run(sleep(0s)); });
  closed([&] { loop().call_soon([] {}); });
  closed([&] { loop().call_soon_threadsafe([] {}); });
  closed([&] { loop().call_later(1s, [] {}); });
  closed([&] { loop().call_at(loop().time(), [] {}); });
  closed([&] { static_cast<void>(loop().create_task(sleep(0s))); });
  closed([&] { static_cast<void>(loop().run_in_executor(nullptr, [] {})); });
  closed([&] { loop().add_reader(fd.get(), [] {}); });
  closed([&] { loop().add_writer(fd.get(), [] {}); });
  EXPECT_FALSE(loop().port()->post([] {}));
}

TEST_F(EventLoopTest, SomeThingsStillWorkOnAClosedLoop) {  // LIFE-41, EXCH-08
  const UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  loop().add_reader(fd.get(), [] {});
  loop().close();
  EXPECT_FALSE(loop().is_running());
  EXPECT_EQ(loop().time().time_since_epoch(), 0s);
  loop().set_debug(true);
  EXPECT_TRUE(loop().debug());
  loop().create_future<int>().set_result(1);
  EXPECT_FALSE(loop().remove_reader(fd.get()));
  EXPECT_FALSE(loop().remove_writer(fd.get()));
  loop().call_exception_handler({.message = "told"});
  EXPECT_THAT(reported(), ElementsAre("told"));
}

TEST_F(EventLoopTest, AFutureOfAClosedLoopIsDoneBeforeItsCallbacksAreRefused) {  // LIFE-42
  const auto future = loop().create_future<int>();
  auto captured = std::make_shared<int>(1);
  future.add_done_callback([captured](const Future<int>&) {});
  loop().close();
  EXPECT_EQ(error_of<LoopError>([&] { future.set_result(2); }), "Event loop is closed");
  EXPECT_EQ(future.result(), 2);
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_EQ(error_of<LoopError>([&] { future.add_done_callback([](const Future<int>&) {}); }), "Event loop is closed");
}

std::string last_log;

TEST(EventLoop, ALoopThatNobodyClosedIsClosedWithAWarning) {  // LIFE-43
  set_log_sink([](LogLevel, std::string_view text) { last_log = text; });
  std::shared_ptr<LoopPort> port;
  {
    EventLoop loop;
    port = loop.port();
  }
  set_log_sink(nullptr);
  EXPECT_EQ(last_log, "unclosed event loop");
  EXPECT_TRUE(port->is_closed());
}

TEST_F(EventLoopTest, PendingTasksAreUnwoundWithTheLoopTheNewestFirst) {  // TASK-18, TASK-19
  struct Local {
    EventLoopTest& test;
    std::string name;
    ~Local() { test.note(name); }
  };
  const auto body = [&](std::string name) -> Coro<void> {
    const Local local{*this, std::move(name)};
    co_await sleep(1h);
  };
  static_cast<void>(start(body("oldest")));
  static_cast<void>(start(body("newest")));
  turn();
  static_cast<void>(start(body("never begun")));
  end_loop();
  // A task may use what an older one's frame owns.
  EXPECT_THAT(noted(), ElementsAre("newest", "oldest"));
  EXPECT_EQ(reported().size(), 3u);
}

// --- threads ---

TEST_F(EventLoopTest, AnotherThreadMayOnlyPost) {  // DBG-03, DBG-04
  const UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const auto foreign = [](auto&& function) {
    EXPECT_EQ(error_of<LoopError>(std::forward<decltype(function)>(function)),
              "Non-thread-safe operation invoked on an event loop other than the current one");
  };
  const auto awaited = loop().create_future<int>();
  awaited.add_done_callback([](const Future<int>&) {});
  const auto alone = loop().create_future<int>();
  const auto task = start(sleep(1h));
  loop().call_soon([&] {
    std::thread([&] {
      foreign([&] { loop().call_soon([] {}); });
      foreign([&] { loop().call_later(1s, [] {}); });
      foreign([&] { loop().call_at({}, [] {}); });
      foreign([&] { static_cast<void>(loop().create_task(sleep(0s))); });
      foreign([&] { loop().add_reader(fd.get(), [] {}); });
      foreign([&] { loop().add_writer(fd.get(), [] {}); });
      foreign([&] { loop().remove_reader(fd.get()); });
      foreign([&] { loop().remove_writer(fd.get()); });
      foreign([&] { static_cast<void>(loop().run_in_executor(nullptr, [] {})); });
      foreign([&] { loop().set_default_executor(nullptr); });
      foreign([&] { loop().set_exception_handler({}); });
      foreign([&] { loop().call_exception_handler({.message = "told"}); });
      foreign([&] { loop().set_debug(true); });
      foreign([&] { loop().set_slow_callback_duration(1s); });
      foreign([&] { static_cast<void>(loop().all_tasks()); });
      foreign([&] { awaited.set_result(1); });
      foreign([&] { awaited.set_exception(ValueError("x")); });
      foreign([&] { awaited.cancel(); });
      foreign([&] { task.cancel(); });
      EXPECT_FALSE(awaited.done());
      alone.set_result(1);  // nobody is to be called
      EXPECT_EQ(error_of<LoopError>([&] { loop().run_forever(); }), "This event loop is already running");
      EXPECT_EQ(error_of<LoopError>([&] { loop().close(); }), "Cannot close a running event loop");
      EXPECT_TRUE(loop().is_running());
      loop().call_soon_threadsafe(noting("posted"));
    }).join();
  });
  turn(2);
  EXPECT_THAT(noted(), ElementsAre("posted"));
  EXPECT_EQ(task.cancelling(), 0u);
  task.cancel();
  turn();
}

TEST_F(EventLoopTest, AnIdleLoopMayRunOnAnotherThread) {  // LIFE-25
  run(sleep(1s));
  std::thread([&] { run(sleep(1s)); }).join();
  run(sleep(1s));
  EXPECT_EQ(now(), 3s);
}

TEST(EventLoop, OneRunsInEachThread) {  // LIFE-25
  std::latch all_run(3);
  const auto body = [&](EventLoop& loop) -> Coro<int> {
    EXPECT_EQ(&get_running_loop(), &loop);
    all_run.arrive_and_wait();
    co_await sleep(1ms);
    co_return 7;
  };
  std::atomic<int> sum = 0;
  {
    std::array<std::jthread, 3> threads;
    for (auto& thread : threads)
      thread = std::jthread([&] {
        EventLoop loop;
        sum += loop.run_until_complete(body(loop));
        loop.close();
      });
  }
  EXPECT_EQ(sum, 21);
}

// --- debug ---

TEST(EventLoop, DebugModeLogsSlowCallbacks) {  // DBG-02
  set_log_sink([](LogLevel, std::string_view text) { last_log = text; });
  last_log.clear();
  EventLoop loop;
  loop.set_debug(true);
  loop.set_slow_callback_duration(1h);
  loop.run_until_complete(sleep(0s));
  EXPECT_EQ(last_log, "");
  loop.set_slow_callback_duration(0s);
  loop.run_until_complete(sleep(0s));
  EXPECT_EQ(last_log.rfind("Executing <", 0), 0u) << last_log;
  EXPECT_NE(last_log.find(" seconds"), std::string::npos) << last_log;
  loop.close();
  set_log_sink(nullptr);
}

TEST_F(EventLoopTest, DebugModeIsOffUntilItIsSetAlsoWhileItRuns) {  // DBG-01
  set_log_sink([](LogLevel, std::string_view text) { last_log = text; });
  last_log.clear();
  loop().set_slow_callback_duration(0s);
  EXPECT_FALSE(loop().debug());
  loop().call_soon([&] {
    EXPECT_EQ(last_log, "");
    loop().set_debug(true);
  });
  loop().call_soon([] {});
  turn();
  set_log_sink(nullptr);
  EXPECT_EQ(last_log.rfind("Executing <callback", 0), 0u) << last_log;
}

}  // namespace
}  // namespace evloop
