#include "aio/future.h"

#include <memory>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "loop_test.h"

namespace evloop {
namespace {

class FutureTest : public LoopTest {
 public:
  template <class T = int>
  Future<T> future() {
    return loop().create_future<T>();
  }
  auto noting(std::string what) {
    return [this, what = std::move(what)](const Future<int>&) { note(what); };
  }
  Coro<void> await(Future<int> awaited, std::string name) {
    const auto got = co_await awaited;
    note(name + " " + std::to_string(got));
  }
};

TEST_F(FutureTest, IsPendingThenFinishedOrCancelledForGood) {  // FUT-01, FUT-03, FUT-04
  const auto f = future();
  EXPECT_FALSE(f.done());
  f.set_result(1);
  EXPECT_TRUE(f.done());
  EXPECT_FALSE(f.cancelled());
  EXPECT_EQ(error_of<InvalidState>([&] { f.set_result(2); }), "invalid state");
  EXPECT_EQ(error_of<InvalidState>([&] { f.set_exception(ValueError("x")); }), "invalid state");
  EXPECT_FALSE(f.cancel());
  EXPECT_EQ(f.result(), 1);
  EXPECT_EQ(f.exception(), nullptr);

  const auto c = future();
  EXPECT_TRUE(c.cancel());
  EXPECT_TRUE(c.done());
  EXPECT_TRUE(c.cancelled());
  EXPECT_FALSE(c.cancel());
  EXPECT_EQ(error_of<InvalidState>([&] { c.set_result(2); }), "invalid state");
}

TEST_F(FutureTest, HasNoOutcomeWhilePending) {  // FUT-02
  const auto f = future();
  EXPECT_EQ(error_of<InvalidState>([&] { static_cast<void>(f.result()); }), "Result is not set.");
  EXPECT_EQ(error_of<InvalidState>([&] { static_cast<void>(f.exception()); }), "Exception is not set.");
}

TEST_F(FutureTest, ACancelledOneThrowsItsMessageEachTime) {  // FUT-04, FUT-06
  const auto f = future();
  f.cancel("why");
  for (int i = 0; i < 2; ++i) {
    try {
      static_cast<void>(f.result());
      ADD_FAILURE();
    } catch (const CancelledError& error) {
      EXPECT_EQ(error.message, "why");
    }
    EXPECT_THROW(static_cast<void>(f.exception()), CancelledError);
  }
}

TEST_F(FutureTest, CallbacksAreQueuedInOrderNeverCalledInline) {  // FUT-07
  const auto f = future();
  f.add_done_callback(noting("a"));
  f.add_done_callback(noting("b"));
  f.set_result(1);
  EXPECT_THAT(noted(), IsEmpty());
  turn();
  EXPECT_THAT(noted(), ElementsAre("a", "b"));
  turn();
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(FutureTest, ACallbackAddedToADoneOneIsQueuedAtOnce) {  // FUT-08
  const auto f = future();
  f.cancel();
  f.add_done_callback([&](const Future<int>& done) { note(done.cancelled() ? "cancelled" : ""); });
  EXPECT_THAT(noted(), IsEmpty());
  turn();
  EXPECT_THAT(noted(), ElementsAre("cancelled"));
}

TEST_F(FutureTest, CancelSchedulesTheCallbacksOfAPendingOneAndLeavesADoneOneAlone) {  // FUT-05
  const auto f = future();
  f.add_done_callback([&](const Future<int>& done) { note(done.cancelled() ? "cancelled" : ""); });
  EXPECT_TRUE(f.cancel());
  EXPECT_TRUE(f.cancelled());
  EXPECT_THAT(noted(), IsEmpty());
  turn();
  EXPECT_THAT(noted(), ElementsAre("cancelled"));
  EXPECT_FALSE(f.cancel());
  const auto finished = future();
  finished.set_result(1);
  EXPECT_FALSE(finished.cancel());
  EXPECT_EQ(finished.result(), 1);
}

TEST_F(FutureTest, TasksAndCallbacksAreServedInOneOrder) {  // FUT-09
  const auto f = future();
  const std::vector<Task<void>> first{start(await(f, "a")), start(await(f, "b")), start(await(f, "c"))};
  turn();
  f.add_done_callback(noting("callback"));
  const auto last = start(await(f, "d"));
  turn();
  f.set_result(1);
  turn();
  EXPECT_THAT(noted(), ElementsAre("a 1", "b 1", "c 1", "callback", "d 1"));
}

TEST_F(FutureTest, ACallbackCanBeRemovedUntilTheFutureIsDone) {  // FUT-10
  const auto f = future();
  const auto a = f.add_done_callback(noting("a"));
  const auto b = f.add_done_callback(noting("b"));
  const auto c = f.add_done_callback(noting("c"));
  EXPECT_EQ(f.remove_done_callback(b), 1u);
  EXPECT_EQ(f.remove_done_callback(b), 0u);
  EXPECT_EQ(future().remove_done_callback(a), 0u);
  EXPECT_EQ(f.remove_done_callback({}), 0u);
  f.set_result(1);
  EXPECT_EQ(f.remove_done_callback(c), 0u);
  turn();
  EXPECT_THAT(noted(), ElementsAre("a", "c"));
  EXPECT_EQ(f.remove_done_callback(a), 0u);
}

TEST_F(FutureTest, CallbacksMayAddAndRemoveOthersAsTheyRun) {  // FUT-11
  const auto f = future();
  DoneCallbackId second;
  f.add_done_callback([&](const Future<int>& done) {
    note("first");
    EXPECT_EQ(done.remove_done_callback(second), 0u);  // it is queued
    done.add_done_callback(noting("late"));
  });
  second = f.add_done_callback(noting("second"));
  f.set_result(1);
  turn();
  EXPECT_THAT(noted(), ElementsAre("first", "second"));
  turn();
  EXPECT_THAT(noted(), ElementsAre("late"));
}

TEST_F(FutureTest, ARemovedCallbackThatOwnsTheFutureMayBeTheLastToDoSo) {
  auto f = future();
  const auto id = f.add_done_callback([f](const Future<int>&) {});
  auto* state = f.state().get();
  f = {};
  EXPECT_EQ(state->remove_done_callback(id), 1u);
}

TEST_F(FutureTest, AwaitingADoneOneNeedsNoTurn) {  // FUT-12
  const auto f = future();
  f.set_result(1);
  const auto body = [&]() -> Coro<std::uint64_t> {
    const auto before = turns();
    EXPECT_EQ(co_await f, 1);
    EXPECT_EQ(co_await f, 1);
    co_return turns() - before;
  };
  EXPECT_EQ(run(body()), 0u);
}

TEST_F(FutureTest, AnAwaitingTaskGoesOnInTheTurnAfterTheCompletion) {  // FUT-13, TASK-05
  const auto f = future();
  const auto task = start(await(f, "a"));
  turn();
  loop().call_soon([&] {
    f.set_result(1);
    note("set");
  });
  turn();
  EXPECT_THAT(noted(), ElementsAre("set"));
  turn();
  EXPECT_THAT(noted(), ElementsAre("a 1"));
}

TEST_F(FutureTest, EachAwaitThrowsTheSameException) {  // FUT-14
  const auto f = future();
  const auto error = std::make_exception_ptr(ValueError("same"));
  f.set_exception(error);
  const auto body = [&]() -> Coro<void> {
    for (int i = 0; i < 2; ++i) EXPECT_EQ((co_await settled(f)).error(), error);
  };
  run(body());
  EXPECT_EQ(f.exception(), error);
}

TEST_F(FutureTest, TakesNoEmptyException) {  // FUT-15
  const auto f = future();
  EXPECT_EQ(error_of<TypeError>([&] { f.set_exception(std::exception_ptr()); }), "invalid exception object");
  EXPECT_FALSE(f.done());
}

TEST_F(FutureTest, ACancelledErrorSetAsExceptionFinishesItButCancelsAnAwaitingTask) {  // FUT-17
  const auto f = future();
  f.set_exception(CancelledError());
  EXPECT_FALSE(f.cancelled());
  EXPECT_TRUE(holds<CancelledError>(f.exception()));
  const auto task = start(await(f, "a"));
  turn();
  EXPECT_TRUE(task.cancelled());
}

TEST_F(FutureTest, AnExceptionThatNobodyReadIsReported) {  // FUT-18
  future().set_exception(ValueError("lost"));
  EXPECT_THAT(reported(), ElementsAre("Future exception was never retrieved"));
  {
    const auto read = future();
    read.set_exception(ValueError("read"));
    static_cast<void>(read.exception());
    const auto thrown = future();
    thrown.set_exception(ValueError("thrown"));
    EXPECT_THROW(static_cast<void>(thrown.result()), ValueError);
    const auto awaited = future();
    awaited.set_exception(ValueError("awaited"));
    EXPECT_THROW(run(await(awaited, "a")), ValueError);
  }
  EXPECT_THAT(reported(), IsEmpty());
}

TEST_F(FutureTest, AReportNamesTheExceptionAndTheFuture) {  // FUT-18
  std::vector<std::string> keys;
  loop().set_exception_handler([&](EventLoop&, const ErrorContext& told) { keys = told.keys(); });
  future().set_exception(ValueError("lost"));
  EXPECT_THAT(keys, ElementsAre("exception", "future", "message"));
  const auto fails = []() -> Coro<void> {
    throw ValueError("lost");
    co_return;
  };
  static_cast<void>(start(fails()));
  keys.clear();
  turn();
  EXPECT_THAT(keys, ElementsAre("exception", "future", "message"));
}

TEST_F(FutureTest, CancelSilencesTheReport) {  // FUT-19
  {
    const auto f = future();
    f.set_exception(ValueError("lost"));
    EXPECT_FALSE(f.cancel());
  }
  future().set_result(1);  // an unread value is nobody's business
  EXPECT_THAT(reported(), IsEmpty());
}

TEST_F(FutureTest, GivesWhatCannotBeCopiedOnce) {
  const auto f = future<std::unique_ptr<int>>();
  f.set_result(std::make_unique<int>(4));
  EXPECT_EQ(*f.result(), 4);
  const auto body = [&]() -> Coro<void> {
    EXPECT_EQ(*co_await f, 4);
    EXPECT_THROW(co_await f, InvalidState);
  };
  run(body());
}

TEST_F(FutureTest, KeepsItsValueForOthersWhenOneAwaitsIt) {
  const auto f = future<std::string>();
  f.set_result("a text that is too long for the small string");
  const auto body = [](Future<std::string> awaited) -> Coro<std::string> { co_return co_await awaited; };
  EXPECT_EQ(run(body(f)), f.result());
  EXPECT_EQ(run(body(f)), "a text that is too long for the small string");
}

TEST_F(FutureTest, KnowsItsLoop) {  // FUT-20
  EXPECT_EQ(&future().loop(), &loop());
  EXPECT_FALSE(Future<int>());
}

TEST_F(FutureTest, ACallbackThatThrowsDoesNotStopTheOthers) {  // SCHED-14
  const auto f = future();
  f.add_done_callback([](const Future<int>&) { throw ValueError("callback"); });
  f.add_done_callback(noting("b"));
  f.set_result(1);
  turn();
  EXPECT_THAT(noted(), ElementsAre("b"));
  EXPECT_EQ(reported().size(), 1u);
}

TEST_F(FutureTest, MayBeDroppedByItsOwnCallback) {
  auto f = std::make_unique<Future<int>>(future());
  (*f).add_done_callback([&](const Future<int>&) { f.reset(); });
  f->set_result(1);
  turn();
  EXPECT_EQ(f, nullptr);
}

TEST_F(FutureTest, ItsCallbacksGoWithItWhenNobodyCanCompleteIt) {
  auto captured = std::make_shared<int>(1);
  {
    future().add_done_callback([captured](const Future<int>&) {});
  }
  EXPECT_EQ(captured.use_count(), 1);
}

}  // namespace
}  // namespace evloop
