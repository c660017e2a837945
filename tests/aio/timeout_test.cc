#include "aio/timeout.h"

#include "aio/sleep.h"
#include "aio/task_group.h"
#include "loop_test.h"

namespace evloop {
namespace {

class TimeoutTest : public LoopTest {
 public:
  // Runs `body` in a task.
  template <class F>
  void in_task(F body) {
    run(body());
  }
  Coro<int> after(Duration delay, int value) {
    const auto slept = co_await settled(sleep(delay));
    note(slept ? "slept" : "cancelled");
    if (!slept) std::rethrow_exception(slept.error());
    co_return value;
  }
};

TEST_F(TimeoutTest, TurnsAnExpiredBlockIntoATimeoutError) {  // TMO-01, TMO-03
  in_task([&]() -> Coro<void> {
    const auto ended = co_await settled(with_timeout(1s, [&](Timeout&) -> Coro<void> { co_await sleep(1h); }));
    EXPECT_EQ(text_of<TimeoutError>(ended.error()), "");
    EXPECT_EQ(now(), 1s);
    EXPECT_EQ(current_task()->cancelling(), 0u);
    co_await sleep(0s);  // no cancellation is left
  });
}

TEST_F(TimeoutTest, LeavesABlockThatEndsInTimeAlone) {  // TMO-01
  in_task([&]() -> Coro<void> {
    EXPECT_EQ(co_await with_timeout(5s, [&](Timeout&) -> Coro<int> { co_return co_await after(1s, 3); }), 3);
    co_await sleep(10s);
  });
  EXPECT_THAT(noted(), ElementsAre("slept"));
  EXPECT_EQ(loop().port()->stats.timers_live.get(), 0u);
}

TEST_F(TimeoutTest, NeverFiresWithoutADeadline) {  // TMO-01
  in_task([&]() -> Coro<void> {
    co_await with_timeout(std::nullopt, [&](Timeout& timeout) -> Coro<void> {
      EXPECT_EQ(timeout.when(), std::nullopt);
      co_await sleep(1h);
    });
    co_await with_timeout(Duration::max(), [&](Timeout&) -> Coro<void> { co_await sleep(1h); });
  });
}

TEST_F(TimeoutTest, OneInThePastFiresInTheNextTurn) {  // TMO-01
  in_task([&]() -> Coro<void> {
    const auto ended = co_await settled(with_timeout(-1s, [&](Timeout&) -> Coro<void> {
      co_await yield();
      co_await yield();
      note("not reached");
    }));
    EXPECT_TRUE(holds<TimeoutError>(ended.error()));
  });
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(TimeoutTest, ABlockThatNeverSuspendsEndsNormally) {  // TMO-02
  in_task([&]() -> Coro<void> {
    co_await with_timeout(0s, [&](Timeout& timeout) -> Coro<void> {
      EXPECT_FALSE(timeout.expired());
      co_return;
    });
    co_await sleep(1s);
  });
}

TEST_F(TimeoutTest, ACancellationFromElsewherePasses) {  // TMO-04
  Task<void> task;
  const auto body = [&]() -> Coro<void> {
    co_await with_timeout(1s, [&](Timeout&) -> Coro<void> {
      const auto slept = co_await settled(sleep(1h));
      task.cancel("outside");
      std::rethrow_exception(slept.error());
    });
  };
  task = start(body());
  const auto watch = [&]() -> Coro<void> { EXPECT_TRUE((co_await settled(task)).cancelled()); };
  run(watch());
  EXPECT_EQ(task.cancelling(), 1u);
  task = {};
}

TEST_F(TimeoutTest, ABlockThatSwallowsTheCancellationEndsWithItsValue) {  // TMO-05
  in_task([&]() -> Coro<void> {
    Timeout timeout(loop().time() + 1s);
    const auto swallows = [&](Timeout&) -> Coro<int> {
      static_cast<void>(co_await settled(sleep(1h)));
      co_return 4;
    };
    EXPECT_EQ(co_await within(timeout, swallows), 4);
    EXPECT_TRUE(timeout.expired());
    EXPECT_EQ(current_task()->cancelling(), 0u);
  });
}

TEST_F(TimeoutTest, AnotherExceptionPasses) {  // TMO-06
  in_task([&]() -> Coro<void> {
    const auto ended = co_await settled(with_timeout(1s, [&](Timeout&) -> Coro<void> {
      static_cast<void>(co_await settled(sleep(1h)));
      throw ValueError("mine");
    }));
    EXPECT_EQ(text_of<ValueError>(ended.error()), "mine");
  });
}

TEST_F(TimeoutTest, NestedOnesDueTogetherGiveOneTimeoutError) {  // TMO-07
  in_task([&]() -> Coro<void> {
    Timeout outer(loop().time() + 1s);
    Timeout inner(loop().time() + 1s);
    const auto ended = co_await settled(within(outer, [&](Timeout&) -> Coro<void> {
      const auto inside = co_await settled(within(inner, [&](Timeout&) -> Coro<void> { co_await sleep(1h); }));
      EXPECT_TRUE(inside.cancelled());
      std::rethrow_exception(inside.error());
    }));
    EXPECT_TRUE(holds<TimeoutError>(ended.error()));
    EXPECT_TRUE(outer.expired());
    EXPECT_TRUE(inner.expired());
    EXPECT_EQ(current_task()->cancelling(), 0u);
  });
}

TEST_F(TimeoutTest, CanBeRescheduledWhileItRuns) {  // TMO-08
  in_task([&]() -> Coro<void> {
    co_await with_timeout(1s, [&](Timeout& timeout) -> Coro<void> {
      timeout.reschedule(loop().time() + 10s);
      EXPECT_EQ(timeout.when()->time_since_epoch(), 10s);
      co_await sleep(5s);
      timeout.reschedule(std::nullopt);
      co_await sleep(1h);
    });
  });
}

TEST_F(TimeoutTest, IsRescheduledAtNoOtherTime) {  // TMO-08, TMO-09
  Timeout fresh(std::nullopt);
  EXPECT_EQ(error_of<LoopError>([&] { fresh.reschedule(std::nullopt); }), "Timeout has not been entered");
  in_task([&]() -> Coro<void> {
    Timeout timeout(loop().time() + 1s);
    const auto ended = co_await settled(within(timeout, [&](Timeout& inside) -> Coro<void> {
      const auto slept = co_await settled(sleep(1h));
      EXPECT_EQ(error_of<LoopError>([&] { inside.reschedule(std::nullopt); }),
                "Cannot change state of expiring Timeout");
      std::rethrow_exception(slept.error());
    }));
    EXPECT_TRUE(holds<TimeoutError>(ended.error()));
    EXPECT_EQ(error_of<LoopError>([&] { timeout.reschedule(std::nullopt); }), "Cannot change state of expired Timeout");
    EXPECT_EQ(error_of<LoopError>([&] { timeout.enter(); }), "Timeout has already been entered");
    Timeout finished(std::nullopt);
    co_await within(finished, [](Timeout&) -> Coro<void> { co_return; });
    EXPECT_EQ(error_of<LoopError>([&] { finished.reschedule(std::nullopt); }),
              "Cannot change state of finished Timeout");
  });
}

TEST_F(TimeoutTest, NeedsATask) {  // TMO-09
  loop().call_soon([&] {
    Timeout timeout(std::nullopt);
    EXPECT_EQ(error_of<LoopError>([&] { timeout.enter(); }), "Timeout should be used inside a task");
  });
  turn();
}

TEST_F(TimeoutTest, TakesAnAbsoluteDeadline) {  // TMO-01
  in_task([&]() -> Coro<void> {
    const auto ended =
        co_await settled(with_timeout_at(loop().time() + 2s, [](Timeout&) -> Coro<void> { co_await sleep(1h); }));
    EXPECT_TRUE(holds<TimeoutError>(ended.error()));
    EXPECT_EQ(now(), 2s);
  });
}

TEST_F(TimeoutTest, BlocksInBlocksTakeBackTheirOwnCancellationsOnly) {  // TASK-32
  const auto blocks = [&](Duration delay) -> Coro<void> {
    co_await with_timeout(1h, [&](Timeout&) -> Coro<void> {
      co_await task_group([&](TaskGroup&) -> Coro<void> {
        const auto ended = co_await settled(with_timeout(delay, [](Timeout&) -> Coro<void> { co_await sleep(2h); }));
        if (ended.cancelled()) std::rethrow_exception(ended.error());
        EXPECT_TRUE(holds<TimeoutError>(ended.error()));
        EXPECT_EQ(current_task()->cancelling(), 0u);
        co_await sleep(1s);
      });
    });
  };
  run(blocks(1s));
  EXPECT_EQ(now(), 2s);
  // One from elsewhere in the turn in which the inner block's strikes: it goes through all of them, and counts.
  Task<void> task;
  loop().call_later(1s, [&] { task.cancel(); });
  task = start(blocks(1s));
  EXPECT_THROW(loop().run_until_complete(Future<void>(task)), CancelledError);
  EXPECT_EQ(task.cancelling(), 1u);
  task = {};
}

// --- wait_for ---

TEST_F(TimeoutTest, WaitForRunsACoroutineInTheCallingTask) {  // TMO-10
  in_task([&]() -> Coro<void> {
    auto* caller = current_task();
    const auto same_task = [caller]() -> Coro<int> {
      EXPECT_EQ(current_task(), caller);
      co_return 1;
    };
    const auto before = turns();
    EXPECT_EQ(co_await wait_for(same_task(), 1s), 1);
    EXPECT_EQ(turns(), before);
    EXPECT_EQ(co_await wait_for(same_task(), std::nullopt), 1);
  });
}

TEST_F(TimeoutTest, WaitForCancelsAndWaitsUntilItHasEnded) {  // TMO-11
  in_task([&]() -> Coro<void> {
    const auto slow_to_end = [&]() -> Coro<int> {
      const auto slept = co_await settled(sleep(1h));
      co_await sleep(5s);
      note("ended");
      std::rethrow_exception(slept.error());
    };
    const auto task = start(slow_to_end());
    const auto ended = co_await settled(wait_for(task, 1s));
    EXPECT_TRUE(holds<TimeoutError>(ended.error()));
    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(now(), 6s);
    // Its own exception, or its value, if it has one.
    const auto throws = [&]() -> Coro<int> {
      static_cast<void>(co_await settled(sleep(1h)));
      throw ValueError("own");
    };
    EXPECT_EQ(text_of<ValueError>((co_await settled(wait_for(start(throws()), 1s))).error()), "own");
    const auto swallows = [&]() -> Coro<int> {
      static_cast<void>(co_await settled(sleep(1h)));
      co_return 9;
    };
    EXPECT_EQ(co_await wait_for(start(swallows()), 1s), 9);
  });
  EXPECT_THAT(noted(), ElementsAre("ended"));
}

TEST_F(TimeoutTest, WaitForWithoutTimeAnswersOnlyWhatIsDone) {  // TMO-12
  in_task([&]() -> Coro<void> {
    const auto done = loop().create_future<int>();
    done.set_result(1);
    EXPECT_EQ(co_await wait_for(done, 0s), 1);
    const auto pending = loop().create_future<int>();
    EXPECT_TRUE(holds<TimeoutError>((co_await settled(wait_for(pending, 0s))).error()));
    EXPECT_TRUE(pending.cancelled());
    const auto never = [&]() -> Coro<int> {
      note("began");
      co_return 1;
    };
    EXPECT_TRUE(holds<TimeoutError>((co_await settled(wait_for(never(), -1s))).error()));
  });
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(TimeoutTest, CancellingWaitForCancelsAndWaitsForWhatItAwaits) {  // TMO-13
  const auto inner = start(after(1h, 1));
  const auto body = [&]() -> Coro<void> { static_cast<void>(co_await wait_for(inner, 2h)); };
  const auto outer = start(body());
  turn(2);
  outer.cancel();
  turn(2);
  EXPECT_TRUE(inner.cancelled());
  EXPECT_TRUE(outer.cancelled());
  EXPECT_THAT(noted(), ElementsAre("cancelled"));
}

TEST_F(TimeoutTest, CancellationBeatsACompletionInTheSameTurn) {  // TMO-14
  const auto future = loop().create_future<int>();
  const auto body = [&]() -> Coro<void> { static_cast<void>(co_await wait_for(future, 1h)); };
  const auto task = start(body());
  turn();
  future.set_result(3);
  task.cancel();
  turn();
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(future.result(), 3);
}

}  // namespace
}  // namespace evloop
