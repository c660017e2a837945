#include "aio/wait.h"

#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class WaitTest : public LoopTest {
 public:
  Coro<int> after(Duration delay, int value) {
    co_await sleep(delay);
    co_return value;
  }
  Coro<int> fails_after(Duration delay) {
    co_await sleep(delay);
    throw ValueError("member");
  }
};

TEST_F(WaitTest, AnswersWhatIsDoneAndWhatIsNot) {  // COMB-09
  const auto body = [&]() -> Coro<void> {
    const std::vector tasks{start(after(1s, 1)), start(after(5s, 5)), start(fails_after(2s))};
    auto result = co_await wait(futures_of(tasks), 3s);
    EXPECT_EQ(now(), 3s);
    EXPECT_EQ(result.done.size(), 2u);
    EXPECT_EQ(result.pending.size(), 1u);
    EXPECT_EQ(result.pending.at(0).get(), tasks[1].state().get());
    EXPECT_FALSE(tasks[1].cancelled());
    result = co_await wait(futures_of(tasks));
    EXPECT_EQ(now(), 5s);
    EXPECT_EQ(result.done.size(), 3u);
    EXPECT_TRUE(holds<ValueError>(tasks[2].exception()));
  };
  run(body());
}

TEST_F(WaitTest, TakesATurnEvenIfAllAreDone) {  // COMB-10
  const auto body = [&]() -> Coro<std::uint64_t> {
    const auto future = loop().create_future<int>();
    future.set_result(1);
    const auto before = turns();
    static_cast<void>(co_await wait(futures_of(std::vector{future})));
    co_return turns() - before;
  };
  EXPECT_EQ(run(body()), 2u);
}

TEST_F(WaitTest, EndsWithTheFirst) {  // COMB-11
  const auto body = [&]() -> Coro<void> {
    const std::vector tasks{start(after(2s, 1)), start(after(1s, 5)), start(fails_after(3s))};
    const auto first = co_await wait(futures_of(tasks), std::nullopt, ReturnWhen::first_completed);
    EXPECT_EQ(now(), 1s);
    EXPECT_EQ(first.done.size(), 1u);
    const auto failed = co_await wait(futures_of(tasks), std::nullopt, ReturnWhen::first_exception);
    EXPECT_EQ(now(), 3s);
    EXPECT_EQ(failed.done.size(), 3u);
    EXPECT_TRUE(holds<ValueError>(tasks[2].exception()));
  };
  run(body());
}

TEST_F(WaitTest, ACancelledMemberIsNoException) {  // COMB-11
  const auto body = [&]() -> Coro<void> {
    const std::vector tasks{start(after(1h, 1)), start(after(2s, 2))};
    loop().call_later(1s, [&] { tasks[0].cancel(); });
    const auto result = co_await wait(futures_of(tasks), std::nullopt, ReturnWhen::first_exception);
    EXPECT_EQ(now(), 2s);
    EXPECT_EQ(result.done.size(), 2u);
  };
  run(body());
}

TEST_F(WaitTest, CancelledItCancelsNoMember) {  // COMB-09
  const auto member = start(after(1s, 1));
  const auto body = [&]() -> Coro<void> { static_cast<void>(co_await wait(futures_of(std::vector{member}), 1h)); };
  const auto waiter = start(body());
  turn();
  waiter.cancel();
  turn();
  EXPECT_TRUE(waiter.cancelled());
  EXPECT_EQ(loop().run_until_complete(member), 1);
  turn();
  EXPECT_EQ(loop().port()->stats.timers_live.get(), 0u);
}

TEST_F(WaitTest, CountsAMemberGivenTwiceOnce) {
  const auto body = [&]() -> Coro<void> {
    const auto task = start(after(1s, 1));
    const auto result = co_await wait(futures_of(std::vector{task, task}));
    EXPECT_EQ(result.done.size(), 1u);
  };
  run(body());
}

TEST_F(WaitTest, OfNothingIsAnError) {  // COMB-12
  EXPECT_EQ(error_of<ValueError>([&] { static_cast<void>(run(wait({}))); }), "Set of Tasks/Futures is empty.");
}

TEST_F(WaitTest, LeavesAMembersErrorToItsOwner) {  // COMB-09
  {
    const auto task = start(fails_after(1s));
    const auto body = [&]() -> Coro<void> { static_cast<void>(co_await wait(futures_of(std::vector{task}))); };
    run(body());
  }
  EXPECT_THAT(reported(), ElementsAre("Task exception was never retrieved"));
}

}  // namespace
}  // namespace evloop
