#include "aio/timer_queue.h"

#include <algorithm>
#include <random>

#include "aio/event_loop.h"
#include "aio/ready_queue.h"
#include "loop_test.h"

namespace evloop {
namespace {

class TimerQueueTest : public LoopTest {
 protected:
  ~TimerQueueTest() override {
    while (!ready_.empty()) ready_.pop()->drop();
  }
  Ref<TimerCall> push(Duration when) {
    Ref<TimerCall> timer(make_call<TimerCall>([] {}, TimePoint(when), std::source_location{}));
    timers_.push(*timer);
    return timer;
  }
  // Takes the due ones out; their deadlines.
  std::vector<std::int64_t> take(Duration now) {
    timers_.move_due(ready_, TimePoint(now), 1ns, lateness_);
    std::vector<std::int64_t> deadlines;
    while (!ready_.empty()) {
      auto* timer = static_cast<TimerCall*>(ready_.pop());
      deadlines.push_back(timer->when().time_since_epoch().count());
      timer->drop();
    }
    return deadlines;
  }

  TimerQueue timers_;
  ReadyQueue ready_;
  DurationHistogram lateness_;
};

TEST_F(TimerQueueTest, GivesOutWhatIsDueInOrder) {  // LIFE-02
  std::mt19937 random(1);
  std::vector<std::int64_t> deadlines(1000);
  for (auto& deadline : deadlines) {
    deadline = std::uniform_int_distribution<std::int64_t>(0, 500)(random);
    push(Duration(deadline));
  }
  std::ranges::sort(deadlines);
  const auto taken = take(Duration(1000));
  EXPECT_EQ(taken, deadlines);
  EXPECT_EQ(timers_.size(), 0u);
}

TEST_F(TimerQueueTest, DueIsWhatLiesBeforeNowPlusTheResolution) {  // LIFE-09
  push(10ns);
  push(11ns);
  EXPECT_THAT(take(9ns), IsEmpty());
  EXPECT_THAT(take(10ns), ElementsAre(10));
  EXPECT_THAT(take(10ns), IsEmpty());
  EXPECT_THAT(take(11ns), ElementsAre(11));
}

TEST_F(TimerQueueTest, DropsCancelledTimersAtItsHead) {  // LIFE-06, LIFE-11
  auto first = push(1ns);
  auto second = push(2ns);
  auto third = push(3ns);
  second->cancel();
  EXPECT_EQ(timers_.cancelled(), 1u);
  timers_.prune();
  EXPECT_EQ(timers_.size(), 3u);  // not at the head
  first->cancel();
  timers_.prune();
  EXPECT_EQ(timers_.size(), 1u);
  EXPECT_EQ(timers_.cancelled(), 0u);
  EXPECT_EQ(timers_.first(), third->when());
}

TEST_F(TimerQueueTest, DropsAllCancelledOnesWhenTheyAreMoreThanHalfOfOverAHundred) {  // LIFE-11
  std::vector<Ref<TimerCall>> timers;
  for (int i = 0; i < 101; ++i) timers.push_back(push(Duration(i)));
  for (std::size_t i = 1; i <= 50; ++i) timers[i]->cancel();
  timers_.prune();
  EXPECT_EQ(timers_.size(), 101u);
  timers[51]->cancel();
  timers_.prune();
  EXPECT_EQ(timers_.size(), 50u);
  EXPECT_EQ(timers_.cancelled(), 0u);
  const auto taken = take(1000ns);
  EXPECT_EQ(taken.front(), 0);
  EXPECT_EQ(taken[1], 52);
  EXPECT_TRUE(std::ranges::is_sorted(taken));
}

TEST_F(TimerQueueTest, AHundredAreNotYetTooMany) {  // LIFE-11
  std::vector<Ref<TimerCall>> timers;
  for (int i = 0; i < 100; ++i) timers.push_back(push(Duration(i)));
  for (std::size_t i = 1; i < 100; ++i) timers[i]->cancel();
  timers_.prune();
  EXPECT_EQ(timers_.size(), 100u);
}

TEST_F(TimerQueueTest, CountsOnlyCancelledTimersThatAreStillInside) {  // LIFE-12
  auto timer = push(1ns);
  timers_.move_due(ready_, TimePoint(1ns), 1ns, lateness_);
  timer->cancel();
  EXPECT_EQ(timers_.cancelled(), 0u);
}

TEST_F(TimerQueueTest, LetsACancelledTimerGoAtOnce) {
  auto captured = std::make_shared<int>(1);
  TimerHandle handle = loop().call_later(1h, [captured] {});
  handle.cancel();
  EXPECT_EQ(captured.use_count(), 1);
  handle = {};
}

TEST_F(TimerQueueTest, StaysInOrderThroughAnyMixOfPushCancelAndTake) {
  std::mt19937 random(7);
  const auto draw = [&](int below) { return std::uniform_int_distribution<int>(0, below - 1)(random); };
  std::vector<Ref<TimerCall>> live;
  std::int64_t now = 0;
  std::size_t alive = 0;
  for (int step = 0; step < 20'000; ++step) {
    const int what = draw(10);
    if (what < 5) {
      live.push_back(push(Duration(now + draw(1000))));
      ++alive;
    } else if (what < 8 && !live.empty()) {
      const auto i = static_cast<std::size_t>(draw(static_cast<int>(live.size())));
      if (!live[i]->cancelled()) {
        live[i]->cancel();
        --alive;
      }
      std::swap(live[i], live.back());
      live.pop_back();
    } else {
      now += draw(50);
      timers_.prune();
      const auto taken = take(Duration(now));
      EXPECT_TRUE(std::ranges::is_sorted(taken));
      std::erase_if(live, [&](const auto& timer) { return timer->when().time_since_epoch().count() <= now; });
      alive -= taken.size();
      ASSERT_EQ(timers_.size() - timers_.cancelled(), alive);
      if (const auto first = timers_.first()) EXPECT_GT(first->time_since_epoch().count(), -1);
    }
  }
}

}  // namespace
}  // namespace evloop
