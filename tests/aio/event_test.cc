#include "aio/event.h"

#include "loop_test.h"

namespace evloop {
namespace {

class EventTest : public LoopTest {
 protected:
  Coro<void> wait(std::string name) {
    co_await event_.wait();
    note(name);
  }
  Event event_;
};

TEST_F(EventTest, AWaitOnASetEventDoesNotSuspend) {  // SYNC-07
  event_.set();
  const auto body = [&]() -> Coro<std::uint64_t> {
    const auto before = turns();
    co_await event_.wait();
    co_return turns() - before;
  };
  EXPECT_EQ(run(body()), 0u);
}

TEST_F(EventTest, SetWakesAllWaitersInOrder) {  // SYNC-07
  const std::vector<Task<void>> tasks{start(wait("a")), start(wait("b"))};
  turn(2);
  EXPECT_THAT(noted(), IsEmpty());
  event_.set();
  event_.set();
  EXPECT_TRUE(event_.is_set());
  turn();
  EXPECT_THAT(noted(), ElementsAre("a", "b"));
}

TEST_F(EventTest, SetAndClearAtOnceReleasesWhoWaited) {  // SYNC-08
  const auto early = start(wait("early"));
  turn();
  event_.set();
  event_.clear();
  const auto late = start(wait("late"));
  turn(3);
  EXPECT_THAT(noted(), ElementsAre("early"));
  EXPECT_FALSE(late.done());
  late.cancel();
  turn();
}

TEST_F(EventTest, ACancelledWaitTakesItselfOffTheList) {  // SYNC-07
  const auto task = start(wait("a"));
  turn();
  EXPECT_EQ(event_.repr(), "<Event [unset, waiters:1]>");
  task.cancel();
  turn();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(event_.repr(), "<Event [unset]>");
  event_.set();
  EXPECT_EQ(event_.repr(), "<Event [set]>");
}

TEST_F(EventTest, BelongsToTheLoopOfTheFirstThatHadToWait) {  // SYNC-01
  const auto task = start(wait("a"));
  turn();
  EventLoop other;
  EXPECT_EQ(error_of<LoopError>([&] { other.run_until_complete(event_.wait()); }),
            "<Event [unset, waiters:1]> is bound to a different event loop");
  other.close();
  event_.set();
  turn();
}

}  // namespace
}  // namespace evloop
