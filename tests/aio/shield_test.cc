#include "aio/shield.h"

#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class ShieldTest : public LoopTest {
 public:
  Coro<int> after(Duration delay, int value) {
    co_await sleep(delay);
    co_return value;
  }
  Coro<int> fails_after(Duration delay) {
    co_await sleep(delay);
    throw ValueError("inner");
  }
};

TEST_F(ShieldTest, KeepsTheInnerOneFromItsAwaitersCancellation) {  // COMB-15
  const auto inner = start(after(1s, 5));
  const auto body = [&]() -> Coro<void> { co_await shield(inner); };
  const auto outer = start(body());
  turn();
  outer.cancel();
  turn(2);
  EXPECT_TRUE(outer.cancelled());
  EXPECT_EQ(loop().run_until_complete(inner), 5);
}

TEST_F(ShieldTest, AnswersADoneOneItself) {  // COMB-15
  const auto future = loop().create_future<int>();
  future.set_result(1);
  EXPECT_EQ(shield(future), future);
}

TEST_F(ShieldTest, HasTheInnerOnesOutcome) {  // COMB-16
  const auto body = [&]() -> Coro<void> {
    EXPECT_EQ(co_await shield(after(1s, 5)), 5);
    EXPECT_EQ(text_of<ValueError>((co_await settled(shield(fails_after(1s)))).error()), "inner");
    const auto inner = start(after(1h, 1));
    const auto outer = shield(inner);
    co_await yield();
    inner.cancel();
    EXPECT_TRUE((co_await settled(outer)).cancelled());
    EXPECT_TRUE(outer.cancelled());
  };
  run(body());
}

TEST_F(ShieldTest, OnceCancelledItLetsTheInnerOneGoAndReadsNoErrorOfIt) {  // COMB-17
  {
    const auto inner = start(fails_after(1s));
    const auto outer = shield(inner);
    turn();
    EXPECT_TRUE(outer.cancel());
    run(sleep(2s));
  }
  EXPECT_THAT(reported(), ElementsAre("Task exception was never retrieved"));
}

TEST_F(ShieldTest, MayBeDroppedBeforeTheInnerOneEnds) {
  const auto inner = start(after(1s, 5));
  {
    static_cast<void>(shield(inner));
  }
  EXPECT_EQ(loop().run_until_complete(inner), 5);
  // ... and the inner one first, pending.
  auto future = loop().create_future<int>();
  const auto outer = shield(future);
  future = {};
  turn();
  EXPECT_TRUE(outer.cancel());
  turn();
}

TEST_F(ShieldTest, WorksWithGather) {  // COMB-15
  const auto a = start(after(1s, 1));
  const auto b = start(after(2s, 2));
  const auto body = [&]() -> Coro<void> { co_await gather(shield(a), shield(b)); };
  const auto outer = start(body());
  turn();
  outer.cancel();
  turn(3);
  EXPECT_TRUE(outer.cancelled());
  EXPECT_EQ(loop().run_until_complete(a), 1);
  EXPECT_EQ(loop().run_until_complete(b), 2);
}

}  // namespace
}  // namespace evloop
