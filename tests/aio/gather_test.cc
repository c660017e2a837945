#include "aio/gather.h"

#include <memory>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class GatherTest : public LoopTest {
 public:
  Coro<int> after(Duration delay, int value) {
    const auto slept = co_await settled(sleep(delay));
    note((slept ? "" : "cancelled ") + std::to_string(value));
    if (!slept) std::rethrow_exception(slept.error());
    co_return value;
  }
  Coro<int> fails_after(Duration delay, std::string text) {
    co_await sleep(delay);
    throw ValueError(text);
  }
};

TEST_F(GatherTest, AnswersInTheOrderOfTheArguments) {  // COMB-01
  const auto body = [&]() -> Coro<void> {
    std::vector<Coro<int>> coros;
    for (int i = 3; i > 0; --i) coros.push_back(after(i * 1s, i));
    EXPECT_THAT(co_await gather(std::move(coros)), ElementsAre(3, 2, 1));
  };
  run(body());
  EXPECT_EQ(now(), 3s);
  EXPECT_THAT(noted(), ElementsAre("1", "2", "3"));
}

TEST_F(GatherTest, TakesChildrenOfDifferentTypes) {
  const auto text = [](std::string value) -> Coro<std::string> { co_return value; };
  const auto nothing = []() -> Coro<void> { co_return; };
  const auto body = [&]() -> Coro<void> {
    const auto future = loop().create_future<double>();
    future.set_result(0.5);
    const auto task = loop().create_task(text("task"));
    const auto [number, string, unit, half, named] =
        co_await gather(after(1s, 7), text("text"), nothing(), future, task);
    EXPECT_EQ(number, 7);
    EXPECT_EQ(string, "text");
    EXPECT_EQ(unit, Unit{});
    EXPECT_EQ(half, 0.5);
    EXPECT_EQ(named, "task");
  };
  run(body());
  EXPECT_EQ(noted().size(), 1u);
}

TEST_F(GatherTest, TheSameChildTwiceRunsOnceAndIsAnsweredTwice) {  // COMB-02
  const auto body = [&]() -> Coro<void> {
    const auto child = loop().create_task(after(1s, 4));
    EXPECT_THAT(co_await gather(std::vector{child, child}), ElementsAre(4, 4));
  };
  run(body());
  EXPECT_THAT(noted(), ElementsAre("4"));
}

TEST_F(GatherTest, OfNothingIsDoneAtOnce) {  // COMB-03
  const auto body = [&]() -> Coro<void> {
    const auto nothing = gather(std::vector<Coro<int>>());
    EXPECT_TRUE(nothing.done());
    EXPECT_THAT(co_await nothing, IsEmpty());
  };
  run(body());
}

TEST_F(GatherTest, RefusesChildrenOfDifferentLoops) {  // COMB-03
  EventLoop other;
  const auto body = [&]() -> Coro<void> {
    const std::vector futures{loop().create_future<int>(), other.create_future<int>()};
    EXPECT_EQ(error_of<ValueError>([&] { static_cast<void>(gather(futures)); }),
              "The future belongs to a different loop than the one specified as the loop argument");
    co_return;
  };
  run(body());
  other.close();
}

TEST_F(GatherTest, TheFirstErrorIsItsErrorAndTheOthersGoOn) {  // COMB-04
  const auto body = [&]() -> Coro<void> {
    const auto ended = co_await settled(gather(after(2s, 2), fails_after(1s, "first"), fails_after(3s, "later")));
    EXPECT_EQ(text_of<ValueError>(ended.error()), "first");
    EXPECT_EQ(now(), 1s);
    co_await sleep(5s);
  };
  run(body());
  EXPECT_THAT(noted(), ElementsAre("2"));
  EXPECT_THAT(reported(), IsEmpty());  // the later error counts as read
}

TEST_F(GatherTest, AChildCancelledFromElsewhereIsAnErrorOfTheGather) {  // COMB-05
  const auto body = [&]() -> Coro<void> {
    const auto child = loop().create_task(after(1h, 1));
    const auto sibling = loop().create_task(after(2s, 2));
    const auto both = gather(std::vector{child, sibling});
    co_await sleep(1s);
    child.cancel("by hand");
    const auto ended = co_await settled(both);
    EXPECT_TRUE(ended.cancelled());
    EXPECT_FALSE(both.cancelled());
    EXPECT_FALSE(sibling.done());
    co_await sibling;
  };
  run(body());
  EXPECT_EQ(noted().size(), 2u);
}

TEST_F(GatherTest, OutcomesKeepsErrorsAsValues) {  // COMB-06
  const auto body = [&]() -> Coro<void> {
    const auto cancelled = loop().create_task(after(1h, 1));
    const std::vector<Task<int>> children{loop().create_task(after(1s, 5)),
                                          loop().create_task(fails_after(1s, "error")), cancelled};
    const auto all = gather_outcomes(children);
    co_await yield();
    cancelled.cancel();
    const auto outcomes = co_await all;
    EXPECT_EQ(outcomes[0].value(), 5);
    EXPECT_EQ(text_of<ValueError>(outcomes[1].error()), "error");
    EXPECT_TRUE(outcomes[2].cancelled());
  };
  run(body());
  EXPECT_EQ(noted().size(), 2u);
}

TEST_F(GatherTest, CancellingItCancelsTheChildrenAndWaitsForThem) {  // COMB-07
  const auto stubborn = [&]() -> Coro<int> {
    static_cast<void>(co_await settled(sleep(1h)));
    co_await sleep(1s);
    note("stubborn");
    co_return 1;
  };
  for (const bool keeps : {false, true}) {
    const auto body = [&]() -> Coro<void> {
      const std::vector<Task<int>> children{loop().create_task(stubborn()), loop().create_task(stubborn())};
      const auto check = [&](auto all) -> Coro<void> {
        co_await yield();
        EXPECT_TRUE(all.cancel());
        EXPECT_FALSE(all.done());
        const auto ended = co_await settled(all);
        EXPECT_TRUE(ended.cancelled());
        EXPECT_FALSE(all.cancelled());
        EXPECT_FALSE(all.cancel());
      };
      if (keeps) {
        co_await check(gather_outcomes(children));
      } else {
        co_await check(gather(children));
      }
      for (const auto& child : children) EXPECT_EQ(child.result(), 1);
    };
    run(body());
    EXPECT_THAT(noted(), ElementsAre("stubborn", "stubborn"));
  }
}

TEST_F(GatherTest, ATaskThatAwaitsItPassesItsCancellationOn) {  // COMB-07
  const auto body = [&]() -> Coro<void> { co_await gather(after(1h, 1), after(1h, 2)); };
  const auto task = start(body());
  turn(2);
  task.cancel();
  turn(4);
  EXPECT_TRUE(task.cancelled());
  EXPECT_THAT(noted(), ElementsAre("cancelled 1", "cancelled 2"));
}

TEST_F(GatherTest, OfChildrenThatAreDoneIsDone) {  // COMB-08
  const auto body = [&]() -> Coro<void> {
    const auto at_once = [](int value) -> Coro<int> { co_return value; };
    const std::vector<Task<int>> children{loop().create_task(at_once(1), {.eager_start = true}),
                                          loop().create_task(at_once(2), {.eager_start = true})};
    const auto all = gather(children);
    EXPECT_TRUE(all.done());
    EXPECT_THAT(co_await all, ElementsAre(1, 2));
  };
  run(body());
}

TEST_F(GatherTest, ItsChildrenAreNotReportedWhenTheLoopGoes) {  // TASK-18
  const auto body = [&]() -> Coro<void> { co_await gather(after(1h, 1), after(1h, 2)); };
  static_cast<void>(start(body()));
  turn(2);
  end_loop();
  EXPECT_EQ(reported().size(), 1u);  // of the task that awaits it
}

TEST_F(GatherTest, MayBeDroppedWhileItsChildrenRun) {
  const auto body = [&]() -> Coro<void> {
    static_cast<void>(gather(after(1s, 1), after(2s, 2)));
    co_await sleep(3s);
  };
  run(body());
  EXPECT_THAT(noted(), ElementsAre("1", "2"));
}

TEST_F(GatherTest, TakesManyChildren) {
  const auto body = [&]() -> Coro<std::size_t> {
    std::vector<Coro<int>> coros;
    for (int i = 0; i < 1000; ++i) coros.push_back(after(Duration(i), i));
    co_return (co_await gather(std::move(coros))).size();
  };
  EXPECT_EQ(run(body()), 1000u);
  static_cast<void>(noted());
}

}  // namespace
}  // namespace evloop
