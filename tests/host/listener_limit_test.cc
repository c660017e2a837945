#include "host/listener_limit.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "host/listener_place.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using evloop::Duration;

constexpr evloop::TimePoint start{1000s};
constexpr auto in = Duration::zero();

struct Waiting final : ListenerLimit::Waiter {
  void wake() noexcept override { ++woken; }
  int woken = 0;
};

class Limit : public testing::Test {
 protected:
  const std::shared_ptr<ListenerLimit> limit = std::make_shared<ListenerLimit>();
  Waiting one, other;
};

TEST_F(Limit, LetsInSoManyAtATime) {
  EXPECT_FALSE(limit->is_set());
  limit->set({.max_connections = 2});
  EXPECT_TRUE(limit->is_set());
  EXPECT_EQ(limit->enter(start), in);
  EXPECT_EQ(limit->enter(start), in);
  EXPECT_EQ(limit->enter(start), ListenerLimit::until_woken);
  EXPECT_EQ(limit->open(), 2U);
  limit->left();
  EXPECT_EQ(limit->enter(start), in);
}

TEST_F(Limit, WakesAllWhoWaitOnceSomebodyLeaves) {
  limit->set({.max_connections = 1});
  ASSERT_EQ(limit->enter(start), in);
  EXPECT_EQ(limit->enter_or_wait(one, start), ListenerLimit::until_woken);
  EXPECT_EQ(limit->enter_or_wait(other, start), ListenerLimit::until_woken);
  EXPECT_TRUE(limit->has_waiters());
  EXPECT_EQ(limit->waits(), 2U);
  limit->left();
  EXPECT_EQ(one.woken, 1);
  EXPECT_EQ(other.woken, 1);
  EXPECT_FALSE(limit->has_waiters());
  ASSERT_EQ(limit->enter_or_wait(one, start), in);
  limit->left();
  EXPECT_EQ(one.woken, 1) << "it did not wait any more";
}

TEST_F(Limit, WakesNobodyWhoIsForgotten) {
  limit->set({.max_connections = 1});
  ASSERT_EQ(limit->enter(start), in);
  ASSERT_EQ(limit->enter_or_wait(one, start), ListenerLimit::until_woken);
  limit->forget(one);
  limit->forget(other);
  EXPECT_FALSE(limit->has_waiters());
  limit->left();
  EXPECT_EQ(one.woken, 0);
}

TEST_F(Limit, CountsWhoStayedAwayInNothing) {
  limit->set({.max_connections = 1, .accept_rate = 1});
  ASSERT_EQ(limit->enter(start), in);
  ASSERT_EQ(limit->enter_or_wait(one, start), 1s);
  limit->forget(one);
  limit->stayed_away();
  EXPECT_EQ(limit->open(), 0U);
  EXPECT_EQ(limit->enter(start), in) << "the turn is there again, too";
}

TEST_F(Limit, WhoStayedAwayWakesWhoWaitedForHisPlace) {
  limit->set({.max_connections = 1});
  ASSERT_EQ(limit->enter(start), in);
  ASSERT_EQ(limit->enter_or_wait(one, start), ListenerLimit::until_woken);
  limit->stayed_away();
  EXPECT_EQ(one.woken, 1);
  EXPECT_EQ(limit->enter_or_wait(one, start), in);
}

TEST_F(Limit, TakesNoTurnOfWhoFindsNoPlace) {
  limit->set({.max_connections = 1, .accept_rate = 2});
  ASSERT_EQ(limit->enter(start), in);
  for (int i = 0; i < 5; ++i) ASSERT_EQ(limit->enter(start), ListenerLimit::until_woken);
  limit->left();
  EXPECT_EQ(limit->enter(start), in);
}

TEST_F(Limit, OfTheRateSaysHowLongAndWakesNobodyWhenSomebodyLeaves) {
  limit->set({.accept_rate = 2});
  ASSERT_EQ(limit->enter(start), in);
  ASSERT_EQ(limit->enter(start), in);
  EXPECT_EQ(limit->enter_or_wait(one, start + 200ms), 300ms);
  limit->left();
  EXPECT_EQ(one.woken, 0);
  EXPECT_TRUE(limit->has_waiters());
  EXPECT_EQ(limit->open(), 1U) << "they are counted all the same";
}

TEST_F(Limit, OfAHighRateLetsSeveralTurnsGather) {
  limit->set({.accept_rate = 1'000'000});
  while (limit->enter(start) == in) {
  }
  EXPECT_EQ(limit->enter(start), 1ms);
}

TEST_F(Limit, WakesEverybodyWhenItIsSetAnew) {
  limit->set({.max_connections = 1});
  ASSERT_EQ(limit->enter(start), in);
  ASSERT_EQ(limit->enter_or_wait(one, start), ListenerLimit::until_woken);
  limit->set({.max_connections = 2});
  EXPECT_EQ(one.woken, 1);
  ASSERT_EQ(limit->enter_or_wait(one, start), in);
  limit->set({.accept_rate = 1});
  ASSERT_EQ(limit->enter(start), in);
  ASSERT_EQ(limit->enter_or_wait(one, start), 1s);
  limit->set({});
  EXPECT_EQ(one.woken, 2);
  EXPECT_FALSE(limit->is_set());
  EXPECT_EQ(limit->enter(start), in);
}

TEST_F(Limit, SetBelowWhatIsOpenLetsNobodyInUntilEnoughHaveLeft) {
  limit->set({.max_connections = 3});
  for (int i = 0; i < 3; ++i) ASSERT_EQ(limit->enter(start), in);
  limit->set({.max_connections = 1});
  ASSERT_EQ(limit->enter_or_wait(one, start), ListenerLimit::until_woken);
  limit->left();
  limit->left();
  EXPECT_EQ(limit->enter_or_wait(one, start), ListenerLimit::until_woken);
  limit->left();
  EXPECT_EQ(limit->enter_or_wait(one, start), in);
}

TEST_F(Limit, APlaceIsGivenBackOnce) {
  limit->set({.max_connections = 2});
  ASSERT_EQ(limit->enter(start), in);
  ASSERT_EQ(limit->enter(start), in);
  ListenerPlace place(limit);
  ListenerPlace moved = std::move(place);
  EXPECT_FALSE(place);  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(moved);
  EXPECT_EQ(limit->open(), 2U);
  moved.release();
  moved.release();
  EXPECT_EQ(limit->open(), 1U);
  moved = ListenerPlace(limit);
  EXPECT_EQ(limit->open(), 1U);
  moved = {};
  EXPECT_EQ(limit->open(), 0U);
}

TEST_F(Limit, OutlivesItsListenerInItsPlaces) {
  auto mine = std::make_shared<ListenerLimit>();
  mine->set({.max_connections = 1});
  ASSERT_EQ(mine->enter(start), in);
  const std::weak_ptr<ListenerLimit> alive = mine;
  {
    const ListenerPlace place(std::move(mine));
    EXPECT_FALSE(alive.expired());
  }
  EXPECT_TRUE(alive.expired());
}

}  // namespace
}  // namespace evloopd::host
