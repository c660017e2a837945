#include "aio/handle.h"

#include "loop_test.h"

namespace evloop {
namespace {

class HandleTest : public LoopTest {
 protected:
  auto noting(std::string what) {
    return [this, what = std::move(what)] { note(what); };
  }
};

TEST_F(HandleTest, CallbacksRunOnceInTheOrderInWhichTheyWereQueued) {  // SCHED-01
  for (int i = 0; i < 200; ++i) loop().call_soon(noting(std::to_string(i)));
  turn();
  const auto seen = noted();
  ASSERT_EQ(seen.size(), 200u);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], std::to_string(i));
  turn();
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(HandleTest, PostsFromTheLoopsOwnThreadKeepTheirPlaceAmongTheOthers) {  // SCHED-02
  loop().call_soon([&] {
    loop().call_soon(noting("a"));
    loop().call_soon_threadsafe(noting("b"));
    loop().call_soon(noting("c"));
    loop().call_soon_threadsafe(noting("d"));
    loop().call_soon_threadsafe(noting("e"));
    loop().call_soon(noting("f"));
  });
  turn(2);
  EXPECT_THAT(noted(), ElementsAre("a", "b", "c", "d", "e", "f"));
}

TEST_F(HandleTest, CancelIsIdempotentAndDropsTheCallbackAtOnce) {  // SCHED-08
  auto captured = std::make_shared<int>(1);
  auto handle = loop().call_soon([captured] {});
  auto timer = loop().call_later(1s, [captured] {});
  EXPECT_EQ(captured.use_count(), 3);
  EXPECT_FALSE(handle.cancelled());
  handle.cancel();
  timer.cancel();
  EXPECT_EQ(captured.use_count(), 1);
  handle.cancel();
  timer.cancel();
  EXPECT_TRUE(handle.cancelled());
  EXPECT_TRUE(timer.cancelled());
  turn();
}

TEST_F(HandleTest, CancelAfterTheRunOnlyShows) {  // SCHED-08
  auto handle = loop().call_soon(noting("ran"));
  turn();
  EXPECT_FALSE(handle.cancelled());
  handle.cancel();
  EXPECT_TRUE(handle.cancelled());
  EXPECT_THAT(noted(), ElementsAre("ran"));
}

TEST_F(HandleTest, ACallbackMayCancelItself) {
  auto captured = std::make_shared<int>(7);
  Handle handle;
  handle = loop().call_soon([&, captured] {
    handle.cancel();
    note(std::to_string(*captured));
  });
  turn();
  EXPECT_THAT(noted(), ElementsAre("7"));
  EXPECT_EQ(captured.use_count(), 1);
}

TEST_F(HandleTest, TimersRunByDeadlineThoseOfOneInstantInOrderOfCreation) {  // SCHED-10, SCHED-11
  loop().call_later(-1s, noting("-1"));
  loop().call_later(-2s, noting("-2"));
  loop().call_later(2s, noting("2"));
  for (int i = 0; i < 8; ++i) loop().call_later(1s, noting("1." + std::to_string(i)));
  turn();
  EXPECT_THAT(noted(), ElementsAre("-2", "-1"));
  run([]() -> Coro<void> {
    const auto done = get_running_loop().create_future<void>();
    get_running_loop().call_later(3s, [done] { done.set_result(); });
    co_await done;
  }());
  EXPECT_THAT(noted(), ElementsAre("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "2"));
}

TEST_F(HandleTest, CallLaterIsCallAt) {  // SCHED-09, SCHED-12
  const auto timer = loop().call_later(5s, [&] { loop().stop(); });
  EXPECT_EQ(timer.when().time_since_epoch(), 5s);
  loop().run_forever();
  EXPECT_EQ(timer.when().time_since_epoch(), 5s);
  EXPECT_EQ(now(), 5s);
  const auto at = loop().call_at(loop().time() + 1s, [] {});
  EXPECT_EQ(at.when().time_since_epoch(), 6s);
}

TEST_F(HandleTest, MayOutliveTheLoop) {
  auto handle = loop().call_soon([] {});
  auto timer = loop().call_later(1s, [] {});
  auto posted = loop().call_soon_threadsafe([] {});
  end_loop();
  handle.cancel();
  timer.cancel();
  posted.cancel();
  EXPECT_TRUE(timer.cancelled());
  EXPECT_TRUE(posted.cancelled());
}

TEST_F(HandleTest, AnEmptyOneIsNeverCancelled) {
  Handle handle;
  TimerHandle timer;
  ThreadsafeHandle posted;
  handle.cancel();
  timer.cancel();
  posted.cancel();
  EXPECT_FALSE(handle);
  EXPECT_FALSE(timer);
  EXPECT_FALSE(handle.cancelled());
  EXPECT_FALSE(timer.cancelled());
  EXPECT_FALSE(posted.cancelled());
}

TEST_F(HandleTest, ATimerThatCapturedAnotherOneMayCancelItWhileTheLoopCloses) {
  struct CancelAtEnd {
    TimerHandle timer;
    CancelAtEnd() = default;
    CancelAtEnd(CancelAtEnd&&) = default;
    CancelAtEnd& operator=(CancelAtEnd&&) = default;
    ~CancelAtEnd() { timer.cancel(); }
  };
  CancelAtEnd guard;
  guard.timer = loop().call_later(2s, [] {});
  loop().call_later(1s, [guard = std::move(guard)] {});
  end_loop();
}

}  // namespace
}  // namespace evloop
