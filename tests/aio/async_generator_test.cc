#include "aio/async_generator.h"

#include <memory>
#include <string>
#include <thread>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "aio/timeout.h"
#include "base/log.h"
#include "loop_test.h"

namespace evloop {
namespace {

std::string last_log;

class AsyncGeneratorTest : public LoopTest {
 public:
  // 0 to end - 1, with a turn before each; notes when its frame is unwound.
  AsyncGenerator<int> count(int end, std::string name = "count") {
    struct Local {
      AsyncGeneratorTest& test;
      std::string name;
      ~Local() { test.note(name + " unwound"); }
    };
    const Local local{*this, name};
    for (int i = 0; i < end; ++i) {
      co_await yield();
      co_yield i;
    }
  }
  // Yields 1, and, when closed, notes it and awaits before it ends.
  AsyncGenerator<int> cleans_up(std::string name) {
    std::exception_ptr error;
    try {
      co_yield 1;
    } catch (...) {
      error = std::current_exception();
    }
    note(name + (holds<GeneratorExit>(error) ? " closing" : " other"));
    co_await sleep(1s);
    note(name + " closed");
    if (error) std::rethrow_exception(error);
  }
};

TEST_F(AsyncGeneratorTest, GivesItsItemsThenNothing) {
  const auto body = [&]() -> Coro<int> {
    auto generator = count(4);
    int sum = 0;
    while (const auto item = co_await generator.anext()) sum += *item;
    EXPECT_TRUE(generator.base().finished());
    EXPECT_EQ(co_await generator.anext(), std::nullopt);
    EXPECT_EQ(co_await generator.anext(), std::nullopt);
    co_return sum;
  };
  EXPECT_EQ(run(body()), 6);
  EXPECT_THAT(noted(), ElementsAre("count unwound"));
}

TEST_F(AsyncGeneratorTest, OneThatIsNotIteratedJustGoes) {
  const auto body = [&]() -> Coro<void> {
    auto generator = count(4);
    co_return;
  };
  run(body());
  run(loop().shutdown_asyncgens());
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(AsyncGeneratorTest, IsRegisteredFromItsFirstIterationToItsEnd) {  // AGEN-01
  auto iterated = cleans_up("iterated");
  auto untouched = cleans_up("untouched");
  auto closed = cleans_up("closed");
  const auto body = [&]() -> Coro<void> {
    static_cast<void>(co_await iterated.anext());
    static_cast<void>(co_await closed.anext());
    co_await closed.aclose();
  };
  run(body());
  EXPECT_THAT(noted(), ElementsAre("closed closing", "closed closed"));
  run(loop().shutdown_asyncgens());
  EXPECT_THAT(noted(), ElementsAre("iterated closing", "iterated closed"));
}

TEST_F(AsyncGeneratorTest, BelongsToTheLoopOfItsFirstIteration) {  // AGEN-06
  auto generator = cleans_up("g");
  const auto body = [&]() -> Coro<void> { static_cast<void>(co_await generator.anext()); };
  run(body());
  std::thread([] {
    EventLoop other;
    other.run_until_complete(other.shutdown_asyncgens());
    other.close();
  }).join();
  EXPECT_THAT(noted(), IsEmpty());
  run(loop().shutdown_asyncgens());
  EXPECT_THAT(noted(), ElementsAre("g closing", "g closed"));
}

TEST_F(AsyncGeneratorTest, ItemsAreHandedOverWithoutATurn) {
  const auto body = [&]() -> Coro<std::uint64_t> {
    const auto numbers = []() -> AsyncGenerator<int> {
      for (int i = 0; i < 3; ++i) co_yield i;
    };
    const auto before = turns();
    auto generator = numbers();
    while (co_await generator.anext()) {
    }
    co_return turns() - before;
  };
  EXPECT_EQ(run(body()), 0u);
}

TEST_F(AsyncGeneratorTest, AMillionItemsNeedNoStack) {
  const auto body = [&]() -> Coro<std::int64_t> {
    const auto numbers = []() -> AsyncGenerator<std::int64_t> {
      for (std::int64_t i = 0; i < 1'000'000; ++i) co_yield i;
    };
    auto generator = numbers();
    std::int64_t sum = 0;
    while (const auto item = co_await generator.anext()) sum += *item;
    co_return sum;
  };
  EXPECT_EQ(run(body()), 499'999'500'000);
}

TEST_F(AsyncGeneratorTest, TakesWhatIsSent) {
  const auto echo = []() -> AsyncGenerator<std::string, std::string> {
    std::string text = "began";
    for (;;) text = "got '" + (co_yield text) + "'";
  };
  const auto body = [&]() -> Coro<void> {
    auto generator = echo();
    EXPECT_EQ(text_of<TypeError>((co_await settled(generator.asend("early"))).error()),
              "can't send non-None value to a just-started async generator");
    EXPECT_EQ(co_await generator.asend(""), "began");
    EXPECT_EQ(co_await generator.asend("a"), "got 'a'");
    EXPECT_EQ(co_await generator.anext(), "got ''");
    co_await generator.aclose();
  };
  run(body());
}

TEST_F(AsyncGeneratorTest, ThrowsAtItsYieldWhatIsThrownIn) {
  const auto catches = [&]() -> AsyncGenerator<int> {
    try {
      co_yield 1;
    } catch (const ValueError& error) {
      note(error.what());
    }
    co_yield 2;
  };
  const auto body = [&]() -> Coro<void> {
    auto generator = catches();
    EXPECT_EQ(co_await generator.anext(), 1);
    EXPECT_EQ(co_await generator.athrow(std::make_exception_ptr(ValueError("in"))), 2);
    const auto ended = co_await settled(generator.athrow(std::make_exception_ptr(ValueError("uncaught"))));
    EXPECT_EQ(text_of<ValueError>(ended.error()), "uncaught");
    EXPECT_EQ(co_await generator.anext(), std::nullopt);
    auto fresh = catches();
    const auto at_once = co_await settled(fresh.athrow(std::make_exception_ptr(ValueError("at its start"))));
    EXPECT_EQ(text_of<ValueError>(at_once.error()), "at its start");
    EXPECT_EQ(co_await fresh.anext(), std::nullopt);
  };
  run(body());
  EXPECT_THAT(noted(), ElementsAre("in"));
}

TEST_F(AsyncGeneratorTest, PassesItsErrorsOnAndIsFinishedThen) {
  const auto fails = []() -> AsyncGenerator<int> {
    co_yield 1;
    co_await yield();
    throw ValueError("inside");
  };
  const auto body = [&]() -> Coro<void> {
    auto generator = fails();
    EXPECT_EQ(co_await generator.anext(), 1);
    EXPECT_EQ(text_of<ValueError>((co_await settled(generator.anext())).error()), "inside");
    EXPECT_EQ(co_await generator.anext(), std::nullopt);
    co_await generator.aclose();
  };
  run(body());
}

TEST_F(AsyncGeneratorTest, CloseThrowsAtTheYieldAndCleanUpMayAwait) {  // AGEN-07
  const auto body = [&]() -> Coro<void> {
    auto generator = cleans_up("g");
    EXPECT_EQ(co_await generator.anext(), 1);
    co_await generator.aclose();
    EXPECT_EQ(now(), 1s);
    co_await generator.aclose();
    EXPECT_EQ(co_await generator.anext(), std::nullopt);
  };
  run(body());
  EXPECT_THAT(noted(), ElementsAre("g closing", "g closed"));
}

TEST_F(AsyncGeneratorTest, OneThatNeverBeganIsClosedAtOnce) {
  const auto body = [&]() -> Coro<void> {
    auto generator = cleans_up("g");
    co_await generator.aclose();
    EXPECT_EQ(co_await generator.anext(), std::nullopt);
  };
  run(body());
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(AsyncGeneratorTest, OneThatYieldsWhileItIsClosedIsAnError) {  // AGEN-07
  const auto stubborn = []() -> AsyncGenerator<int> {
    bool again = false;
    try {
      co_yield 1;
    } catch (const GeneratorExit&) {
      again = true;
    }
    if (again) co_yield 2;
  };
  const auto body = [&]() -> Coro<void> {
    auto generator = stubborn();
    EXPECT_EQ(co_await generator.anext(), 1);
    EXPECT_EQ(text_of<LoopError>((co_await settled(generator.aclose())).error()),
              "async generator ignored GeneratorExit");
    EXPECT_TRUE(holds<StopAsyncIteration>((co_await settled(generator.aclose())).error()));
    // What it yielded meanwhile is nobody's.
    EXPECT_EQ(co_await generator.athrow(std::make_exception_ptr(ValueError("x"))), std::nullopt);
  };
  run(body());
}

TEST_F(AsyncGeneratorTest, StopAsyncIterationLeavesItAsAnError) {
  const auto stops = []() -> AsyncGenerator<int> {
    co_yield 1;
    throw StopAsyncIteration();
  };
  const auto body = [&]() -> Coro<void> {
    auto generator = stops();
    EXPECT_EQ(co_await generator.anext(), 1);
    EXPECT_EQ(text_of<LoopError>((co_await settled(generator.anext())).error()),
              "async generator raised StopAsyncIteration");
    EXPECT_EQ(co_await generator.anext(), std::nullopt);
  };
  run(body());
}

TEST_F(AsyncGeneratorTest, HasOnePendingOperationAtATime) {  // AGEN-08
  const auto slow = []() -> AsyncGenerator<int> {
    co_await sleep(1h);
    co_yield 1;
  };
  const auto next = [](AsyncGenerator<int> generator) -> Coro<void> { static_cast<void>(co_await generator.anext()); };
  const auto body = [&]() -> Coro<void> {
    auto generator = slow();
    const auto pending = start(next(generator));
    co_await yield();
    EXPECT_EQ(text_of<LoopError>((co_await settled(generator.anext())).error()),
              "anext(): asynchronous generator is already running");
    EXPECT_EQ(
        text_of<LoopError>((co_await settled(generator.athrow(std::make_exception_ptr(ValueError("x"))))).error()),
        "athrow(): asynchronous generator is already running");
    EXPECT_EQ(text_of<LoopError>((co_await settled(generator.aclose())).error()),
              "aclose(): asynchronous generator is already running");
    pending.cancel();
    co_await yield();
    co_await yield();
    EXPECT_TRUE(pending.cancelled());
    EXPECT_EQ(co_await generator.anext(), std::nullopt);  // the cancellation ended it
  };
  run(body());
}

TEST_F(AsyncGeneratorTest, ACancellationReachesWhatItAwaits) {
  const auto catches = [&]() -> AsyncGenerator<int> {
    const auto ended = co_await settled(sleep(1h));
    note(ended.cancelled() ? "cancelled inside" : "");
    co_yield 5;
  };
  const auto body = [&]() -> Coro<int> {
    auto generator = catches();
    const auto item = co_await generator.anext();
    co_return item.value_or(-1);
  };
  const auto task = start(body());
  turn();
  task.cancel();
  turn(2);
  EXPECT_EQ(task.result(), 5);
  EXPECT_THAT(noted(), ElementsAre("cancelled inside"));
  run(sleep(0s));
}

TEST_F(AsyncGeneratorTest, DroppedHalfConsumedItIsClosedByTheLoopInATask) {  // AGEN-02
  const auto body = [&]() -> Coro<void> {
    {
      auto generator = cleans_up("g");
      EXPECT_EQ(co_await generator.anext(), 1);
    }
    EXPECT_THAT(noted(), IsEmpty());
    co_await sleep(2s);
  };
  run(body());
  EXPECT_THAT(noted(), ElementsAre("g closing", "g closed"));
}

TEST_F(AsyncGeneratorTest, DroppedAfterItsLoopClosedItsFrameIsOnlyUnwound) {  // AGEN-02
  AsyncGenerator<int> generator = count(5);
  const auto body = [&]() -> Coro<void> { EXPECT_EQ(co_await generator.anext(), 0); };
  run(body());
  loop().close();
  EXPECT_THAT(noted(), IsEmpty());
  generator = {};
  EXPECT_THAT(noted(), ElementsAre("count unwound"));
}

TEST_F(AsyncGeneratorTest, DroppedAfterItsLoopWentItsFrameIsOnlyUnwound) {
  AsyncGenerator<int> generator = count(5);
  const auto body = [&]() -> Coro<void> { EXPECT_EQ(co_await generator.anext(), 0); };
  run(body());
  end_loop();
  generator = {};
  EXPECT_THAT(noted(), ElementsAre("count unwound"));
}

TEST_F(AsyncGeneratorTest, ShutdownClosesAllAtTheSameTime) {  // AGEN-03
  auto a = cleans_up("a");
  auto b = cleans_up("b");
  auto finished = count(0);
  const auto body = [&]() -> Coro<void> {
    static_cast<void>(co_await a.anext());
    static_cast<void>(co_await b.anext());
    static_cast<void>(co_await finished.anext());
  };
  run(body());
  static_cast<void>(noted());
  run(loop().shutdown_asyncgens());
  EXPECT_EQ(now(), 1s);
  EXPECT_THAT(noted(), ElementsAre("a closing", "b closing", "a closed", "b closed"));
  run(loop().shutdown_asyncgens());
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(AsyncGeneratorTest, ShutdownReportsErrorsAndGoesOn) {  // AGEN-04
  const auto fails = []() -> AsyncGenerator<int> {
    bool closing = false;
    try {
      co_yield 1;
    } catch (const GeneratorExit&) {
      closing = true;
    }
    if (closing) throw ValueError("in clean-up");
  };
  auto bad = fails();
  auto good = cleans_up("good");
  std::vector<std::string> keys;
  std::string message;
  loop().set_exception_handler([&](EventLoop&, const ErrorContext& told) {
    keys = told.keys();
    message = told.message;
  });
  const auto body = [&]() -> Coro<void> {
    static_cast<void>(co_await bad.anext());
    static_cast<void>(co_await good.anext());
    co_await loop().shutdown_asyncgens();
  };
  run(body());
  EXPECT_THAT(keys, ElementsAre("asyncgen", "exception", "message"));
  EXPECT_EQ(message.rfind("an error occurred during closing of asynchronous generator ", 0), 0u) << message;
  EXPECT_THAT(noted(), ElementsAre("good closing", "good closed"));
}

TEST_F(AsyncGeneratorTest, OneThatBeginsAfterShutdownWorksWithAWarning) {  // AGEN-05
  run(loop().shutdown_asyncgens());
  set_log_sink([](LogLevel, std::string_view text) { last_log = text; });
  const auto body = [&]() -> Coro<void> {
    auto generator = count(1);
    EXPECT_EQ(co_await generator.anext(), 0);
    EXPECT_EQ(co_await generator.anext(), std::nullopt);
  };
  run(body());
  set_log_sink(nullptr);
  EXPECT_NE(last_log.find("was scheduled after loop.shutdown_asyncgens() call"), std::string::npos) << last_log;
  static_cast<void>(noted());
}

TEST_F(AsyncGeneratorTest, ShutdownWithNoneNeedsNoTurn) {  // AGEN-03
  const auto body = [&]() -> Coro<std::uint64_t> {
    const auto before = turns();
    co_await loop().shutdown_asyncgens();
    co_return turns() - before;
  };
  EXPECT_EQ(run(body()), 0u);
}

TEST_F(AsyncGeneratorTest, MayBeDroppedWhileATaskWaitsInIt) {
  const auto body = [&]() -> Coro<void> {
    const auto slow = []() -> AsyncGenerator<int> {
      co_await sleep(1h);
      co_yield 1;
    };
    const auto next = [](AsyncGenerator<int> generator) -> Coro<void> {
      static_cast<void>(co_await generator.anext());
    };
    const auto task = start(next(slow()));
    co_await sleep(1s);
    task.cancel();
    co_await sleep(1s);
    EXPECT_TRUE(task.cancelled());
  };
  run(body());
}

TEST_F(AsyncGeneratorTest, ATaskSuspendedInOneIsUnwoundWithTheLoop) {
  const auto slow = [&]() -> AsyncGenerator<int> {
    struct Local {
      AsyncGeneratorTest& test;
      ~Local() { test.note("unwound"); }
    };
    const Local local{*this};
    co_await sleep(1h);
    co_yield 1;
  };
  const auto body = [&]() -> Coro<void> {
    auto generator = slow();
    static_cast<void>(co_await generator.anext());
  };
  static_cast<void>(start(body()));
  turn();
  end_loop();
  EXPECT_THAT(noted(), ElementsAre("unwound"));
  EXPECT_EQ(reported().size(), 1u);
}

TEST_F(AsyncGeneratorTest, Nests) {
  const auto inner = []() -> AsyncGenerator<int> {
    for (int i = 0; i < 3; ++i) {
      co_await sleep(1s);
      co_yield i;
    }
  };
  const auto outer = [&]() -> AsyncGenerator<int> {
    auto numbers = inner();
    while (const auto number = co_await numbers.anext()) co_yield *number * 10;
  };
  const auto body = [&]() -> Coro<int> {
    auto numbers = outer();
    int sum = 0;
    while (const auto number = co_await numbers.anext()) sum += *number;
    co_return sum;
  };
  EXPECT_EQ(run(body()), 30);
  EXPECT_EQ(now(), 3s);
}

TEST_F(AsyncGeneratorTest, GivesWhatCannotBeCopied) {
  const auto make = []() -> AsyncGenerator<std::unique_ptr<int>> { co_yield std::make_unique<int>(3); };
  const auto body = [&]() -> Coro<int> {
    auto generator = make();
    const auto item = co_await generator.anext();
    EXPECT_FALSE(co_await generator.anext());
    co_return **item;
  };
  EXPECT_EQ(run(body()), 3);
}

TEST_F(AsyncGeneratorTest, TwoTasksMayTakeTurns) {
  auto generator = count(4);
  const auto take = [&](std::string name) -> Coro<void> {
    for (int i = 0; i < 2; ++i)
      if (const auto item = co_await generator.anext()) note(name + std::to_string(*item));
  };
  run(take("a"));
  run(take("b"));
  EXPECT_THAT(noted(), ElementsAre("a0", "a1", "b2", "b3"));
  run(loop().shutdown_asyncgens());
  EXPECT_THAT(noted(), ElementsAre("count unwound"));
}

TEST_F(AsyncGeneratorTest, AnOperationIsTakenByWhateverTakesACoroutine) {
  const auto numbers = []() -> AsyncGenerator<int> {
    co_yield 1;
    co_yield 2;
    co_await sleep(1h);
  };
  const auto body = [&]() -> Coro<void> {
    const auto generator = numbers();
    EXPECT_EQ(co_await wait_for(generator.anext(), 1s), 1);
    EXPECT_EQ(co_await loop().create_task(generator.anext()), 2);
    const auto late = co_await settled(wait_for(generator.anext(), 1s));
    EXPECT_TRUE(holds<TimeoutError>(late.error()));
    EXPECT_FALSE(co_await generator.anext());  // the cancellation has ended it
  };
  run(body());
}

}  // namespace
}  // namespace evloop
