#include "aio/coro.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <memory>
#include <string>

#include "aio/event_loop.h"
#include "aio/settled.h"

namespace evloop {
namespace {

Coro<int> one() { co_return 1; }

Coro<std::int64_t> sum_of_ones(std::int64_t count) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += co_await one();
  co_return sum;
}

Coro<std::int64_t> depth_of(std::int64_t depth) {
  if (depth == 0) co_return 0;
  co_return 1 + co_await depth_of(depth - 1);
}

Coro<std::int64_t> depth_with_a_turn_at_the_bottom(std::int64_t depth) {
  if (depth == 0) {
    co_await yield();
    co_return 0;
  }
  co_return 1 + co_await depth_with_a_turn_at_the_bottom(depth - 1);
}

Coro<void> throw_from(std::int64_t depth) {
  if (depth == 0) throw LoopError("from the bottom");
  co_await throw_from(depth - 1);
}

class CoroTest : public testing::Test {
 protected:
  ~CoroTest() override { loop_.close(); }
  EventLoop loop_;
};

TEST_F(CoroTest, TenMillionAwaitsThatCompleteAtOnceNeedNoStack) {
  EXPECT_EQ(loop_.run_until_complete(sum_of_ones(10'000'000)), 10'000'000);
}

TEST_F(CoroTest, AwaitsNestTwoHundredThousandDeep) {
  EXPECT_EQ(loop_.run_until_complete(depth_of(200'000)), 200'000);
  EXPECT_EQ(loop_.run_until_complete(depth_with_a_turn_at_the_bottom(200'000)), 200'000);
}

// `gone` counts the frames that are unwound, each before the one that awaits it.
Coro<void> wait_at_the_bottom(std::int64_t depth, std::int64_t& gone) {
  struct Local {
    std::int64_t depth;
    std::int64_t& gone;
    ~Local() { gone += gone == depth ? 1 : 0; }
  } const local{depth, gone};
  if (depth > 0) co_return co_await wait_at_the_bottom(depth - 1, gone);
  co_await get_running_loop().create_future();
}

// On a thread of its own.
void run_with_little_stack(void (*body)()) {
  pthread_attr_t attributes;
  ASSERT_EQ(::pthread_attr_init(&attributes), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&attributes, 1024 * 1024), 0);
  pthread_t thread{};
  const auto run = [](void* argument) -> void* {
    (*static_cast<void (**)()>(argument))();
    return nullptr;
  };
  ASSERT_EQ(::pthread_create(&thread, &attributes, run, &body), 0);
  ASSERT_EQ(::pthread_join(thread, nullptr), 0);
  ::pthread_attr_destroy(&attributes);
}

TEST(CoroWithLittleStack, TwoHundredThousandThatWaitGoWithTheirLoop) {
  run_with_little_stack([] {
    std::int64_t gone = 0;
    {
      EventLoop loop;
      loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
      const auto task = loop.create_task(wait_at_the_bottom(200'000, gone));
      loop.run_until_complete(depth_of(0));
      loop.close();
      EXPECT_EQ(gone, 0);
    }
    EXPECT_EQ(gone, 200'001);
  });
}

TEST_F(CoroTest, AnExceptionPassesThroughAllAwaits) {
  EXPECT_THROW(loop_.run_until_complete(throw_from(10'000)), LoopError);
}

TEST_F(CoroTest, IsLazy) {
  bool ran = false;
  const auto body = [&]() -> Coro<void> {
    ran = true;
    co_return;
  };
  {
    auto dropped = body();
  }
  EXPECT_FALSE(ran);
  loop_.run_until_complete(body());
  EXPECT_TRUE(ran);
}

TEST_F(CoroTest, IsAwaitedOnce) {
  const auto body = []() -> Coro<void> {
    auto coro = one();
    EXPECT_EQ(co_await std::move(coro), 1);
    EXPECT_FALSE(coro);
    co_await std::move(coro);
  };
  EXPECT_THROW(loop_.run_until_complete(body()), LoopError);
}

TEST_F(CoroTest, ATaskNeedsACoroutineThatWasNotAwaited) {
  auto coro = one();
  EXPECT_EQ(loop_.run_until_complete(std::move(coro)), 1);
  EXPECT_THROW(loop_.run_until_complete(std::move(coro)), LoopError);
  EXPECT_THROW(static_cast<void>(loop_.create_task(std::move(coro))), LoopError);
}

TEST_F(CoroTest, SettledAnswersAnErrorInsteadOfThrowingIt) {
  const auto body = []() -> Coro<void> {
    const auto failed = co_await settled(throw_from(3));
    EXPECT_TRUE(holds<LoopError>(failed.error()));
    auto well = co_await settled(one());
    EXPECT_EQ(std::move(well).take(), 1);
  };
  loop_.run_until_complete(body());
}

TEST_F(CoroTest, LocalsGoBeforeTheAwaiterGoesOn) {
  std::string order;
  struct Local {
    std::string& order;
    ~Local() { order += "local "; }
  };
  const auto inner = [&]() -> Coro<int> {
    const Local local{order};
    co_return 1;
  };
  const auto outer = [&]() -> Coro<void> {
    co_await inner();
    order += "after";
  };
  loop_.run_until_complete(outer());
  EXPECT_EQ(order, "local after");
}

TEST_F(CoroTest, AnswersWhatCannotBeCopied) {
  const auto make = []() -> Coro<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
  const auto body = [&]() -> Coro<int> {
    const auto number = co_await make();
    co_return *number;
  };
  EXPECT_EQ(loop_.run_until_complete(body()), 5);
  EXPECT_EQ(*loop_.run_until_complete(make()), 5);
}

}  // namespace
}  // namespace evloop
