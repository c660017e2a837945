#include "aio/queue.h"

#include <memory>

#include "aio/settled.h"
#include "loop_test.h"

namespace evloop {
namespace {

class QueueTest : public LoopTest {
 protected:
  Coro<void> get(Queue<int>& queue, std::string name) {
    auto got = co_await settled(queue.get());
    if (got) {
      note(name + " " + std::to_string(got.value()));
    } else if (got.cancelled()) {
      note(name + " cancelled");
      std::rethrow_exception(got.error());
    } else {
      note(name + " " + describe(got.error()));
    }
  }
  Coro<void> put(Queue<int>& queue, int item) {
    const auto put = co_await settled(queue.put(item));
    if (put) {
      note("put " + std::to_string(item));
    } else if (put.cancelled()) {
      note("put cancelled");
      std::rethrow_exception(put.error());
    } else {
      note("put " + describe(put.error()));
    }
  }
  Coro<void> join(Queue<int>& queue) {
    co_await queue.join();
    note("joined");
  }
};

TEST_F(QueueTest, IsUnboundedWithoutAPositiveSize) {  // QUEUE-01, QUEUE-10
  Queue<int> queue(-1);
  EXPECT_EQ(queue.maxsize(), -1);
  EXPECT_TRUE(queue.empty());
  for (int i = 0; i < 1000; ++i) queue.put_nowait(i);
  EXPECT_FALSE(queue.full());
  EXPECT_EQ(queue.qsize(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(queue.get_nowait(), i);
}

TEST_F(QueueTest, GivesItemsInItsOrder) {  // QUEUE-01
  LifoQueue<int> lifo;
  PriorityQueue<int> smallest_first;
  PriorityQueue<std::string, std::greater<>> largest_first;
  for (const int i : {3, 1, 2}) {
    lifo.put_nowait(i);
    smallest_first.put_nowait(i);
    largest_first.put_nowait(std::to_string(i));
  }
  for (const int i : {2, 1, 3}) EXPECT_EQ(lifo.get_nowait(), i);
  for (const int i : {1, 2, 3}) EXPECT_EQ(smallest_first.get_nowait(), i);
  for (const char* i : {"3", "2", "1"}) EXPECT_EQ(largest_first.get_nowait(), i);
}

TEST_F(QueueTest, TakesItemsThatCannotBeCopied) {
  Queue<std::unique_ptr<int>> queue(4);
  // More than its ring holds at first, and round its end.
  const auto body = [&]() -> Coro<int> {
    int sum = 0;
    for (int i = 0; i < 100; ++i) {
      co_await queue.put(std::make_unique<int>(i));
      co_await queue.put(std::make_unique<int>(i));
      const auto item = co_await queue.get();
      sum += *item;
      sum += **std::make_unique<std::unique_ptr<int>>(queue.get_nowait());
    }
    co_return sum;
  };
  EXPECT_EQ(run(body()), 2 * 4950);
  queue.put_nowait(std::make_unique<int>(1));  // goes with the queue
}

TEST_F(QueueTest, GrowsAroundItsWrappedRing) {
  Queue<int> queue;
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 5; ++i) queue.put_nowait(next_in++);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.get_nowait(), next_out++);
  }
  while (!queue.empty()) EXPECT_EQ(queue.get_nowait(), next_out++);
  EXPECT_EQ(next_in, next_out);
}

TEST_F(QueueTest, NowaitThrowsWhenItWouldWait) {  // QUEUE-02
  Queue<int> queue(1);
  EXPECT_THROW(queue.get_nowait(), QueueEmpty);
  queue.put_nowait(1);
  EXPECT_TRUE(queue.full());
  EXPECT_THROW(queue.put_nowait(2), QueueFull);
  EXPECT_EQ(queue.qsize(), 1u);
}

TEST_F(QueueTest, PutAndGetNeedNoTurnUnlessTheyHaveToWait) {  // QUEUE-03
  Queue<int> queue(2);
  const auto body = [&]() -> Coro<std::uint64_t> {
    const auto before = turns();
    co_await queue.put(1);
    co_await queue.put(2);
    EXPECT_EQ(co_await queue.get(), 1);
    EXPECT_EQ(co_await queue.get(), 2);
    co_return turns() - before;
  };
  EXPECT_EQ(run(body()), 0u);
}

TEST_F(QueueTest, EachPutWakesOneGetterAndEachGetOnePutter) {  // QUEUE-04
  Queue<int> queue(1);
  const std::vector<Task<void>> getters{start(get(queue, "a")), start(get(queue, "b"))};
  turn();
  queue.put_nowait(1);
  turn(3);
  EXPECT_THAT(noted(), ElementsAre("a 1"));
  queue.put_nowait(2);
  turn();
  EXPECT_THAT(noted(), ElementsAre("b 2"));

  queue.put_nowait(3);
  const std::vector<Task<void>> putters{start(put(queue, 4)), start(put(queue, 5))};
  turn();
  EXPECT_EQ(queue.get_nowait(), 3);
  turn(3);
  EXPECT_THAT(noted(), ElementsAre("put 4"));
  EXPECT_EQ(queue.get_nowait(), 4);
  turn();
  EXPECT_THAT(noted(), ElementsAre("put 5"));
  EXPECT_EQ(queue.get_nowait(), 5);
}

TEST_F(QueueTest, AWokenGetterThatLosesItsItemWaitsAtTheBack) {  // QUEUE-05
  Queue<int> queue;
  const auto a = start(get(queue, "a"));
  const auto b = start(get(queue, "b"));
  turn();
  queue.put_nowait(1);
  EXPECT_EQ(queue.get_nowait(), 1);
  turn();
  queue.put_nowait(2);
  turn(2);
  EXPECT_THAT(noted(), ElementsAre("b 2"));
  queue.put_nowait(3);
  turn();
  EXPECT_THAT(noted(), ElementsAre("a 3"));
}

TEST_F(QueueTest, AWokenGetterThatIsCancelledPassesTheItemOn) {  // QUEUE-06
  Queue<int> queue;
  const auto a = start(get(queue, "a"));
  const auto b = start(get(queue, "b"));
  turn();
  queue.put_nowait(1);
  a.cancel();
  turn(3);
  EXPECT_THAT(noted(), ElementsAre("a cancelled", "b 1"));
}

TEST_F(QueueTest, AWokenPutterThatIsCancelledPassesThePlaceOn) {  // QUEUE-06
  Queue<int> queue(1);
  queue.put_nowait(0);
  const auto a = start(put(queue, 1));
  const auto b = start(put(queue, 2));
  turn();
  EXPECT_EQ(queue.get_nowait(), 0);
  a.cancel();
  turn(3);
  EXPECT_THAT(noted(), ElementsAre("put cancelled", "put 2"));
  EXPECT_EQ(queue.get_nowait(), 2);
}

TEST_F(QueueTest, CancelledWaitersLeaveNoTrace) {  // QUEUE-06
  Queue<int> queue(1);
  const auto getter = start(get(queue, "a"));
  turn();
  EXPECT_EQ(queue.repr(), "<Queue maxsize=1 getters=1>");
  getter.cancel();
  turn();
  EXPECT_EQ(queue.repr(), "<Queue maxsize=1>");
  queue.put_nowait(1);
  const auto putter = start(put(queue, 2));
  turn();
  EXPECT_EQ(queue.repr(), "<Queue maxsize=1 items=1 putters=1 tasks=1>");
  putter.cancel();
  turn();
  EXPECT_EQ(queue.repr(), "<Queue maxsize=1 items=1 tasks=1>");
  EXPECT_THAT(noted(), ElementsAre("a cancelled", "put cancelled"));
}

TEST_F(QueueTest, JoinWaitsUntilAllItemsAreDealtWith) {  // QUEUE-07
  Queue<int> queue;
  run(queue.join());
  EXPECT_EQ(error_of<ValueError>([&] { queue.task_done(); }), "task_done() called too many times");
  queue.put_nowait(1);
  queue.put_nowait(2);
  const auto joiner = start(join(queue));
  static_cast<void>(queue.get_nowait());
  static_cast<void>(queue.get_nowait());
  queue.task_done();
  turn(2);
  EXPECT_THAT(noted(), IsEmpty());
  queue.task_done();
  turn();
  EXPECT_THAT(noted(), ElementsAre("joined"));
}

TEST_F(QueueTest, ShutdownRefusesPutsAndLetsGetsDrainIt) {  // QUEUE-08
  Queue<int> queue(1);
  queue.put_nowait(1);
  const auto putter = start(put(queue, 2));
  turn();
  queue.shutdown();
  turn();
  EXPECT_THAT(noted(), ElementsAre("put evloop::QueueShutDown: queue is shut down"));
  EXPECT_THROW(queue.put_nowait(3), QueueShutDown);
  EXPECT_THROW(run(queue.put(3)), QueueShutDown);
  EXPECT_EQ(run(queue.get()), 1);
  EXPECT_THROW(run(queue.get()), QueueShutDown);
  EXPECT_THROW(queue.get_nowait(), QueueShutDown);
}

TEST_F(QueueTest, ShutdownWakesWaitingGetters) {  // QUEUE-08
  Queue<int> queue;
  const std::vector<Task<void>> getters{start(get(queue, "a")), start(get(queue, "b"))};
  turn();
  queue.shutdown();
  turn();
  EXPECT_THAT(noted(), ElementsAre("a evloop::QueueShutDown: queue is shut down",
                                   "b evloop::QueueShutDown: queue is shut down"));
}

TEST_F(QueueTest, ImmediateShutdownDiscardsTheItemsAndCountsThemAsDone) {  // QUEUE-09
  Queue<int> queue;
  queue.put_nowait(1);
  queue.put_nowait(2);
  const auto joiner = start(join(queue));
  static_cast<void>(queue.get_nowait());
  turn();
  queue.shutdown(true);
  EXPECT_TRUE(queue.empty());
  turn(2);
  // The item that is being worked on still counts.
  EXPECT_THAT(noted(), IsEmpty());
  queue.task_done();
  turn();
  EXPECT_THAT(noted(), ElementsAre("joined"));
  EXPECT_THROW(queue.get_nowait(), QueueShutDown);
}

TEST_F(QueueTest, AFullQueueShutDownThrowsRatherThanWaits) {  // QUEUE-08
  LifoQueue<int> queue(1);
  queue.put_nowait(1);
  queue.shutdown();
  EXPECT_THROW(run(queue.put(2)), QueueShutDown);
  queue.shutdown(true);
  run(queue.join());
}

TEST_F(QueueTest, BelongsToTheLoopOfTheFirstThatHadToWait) {  // SYNC-01
  Queue<int> queue;
  const auto getter = start(get(queue, "a"));
  turn();
  EventLoop other;
  EXPECT_EQ(error_of<LoopError>([&] { other.run_until_complete(queue.get()); }),
            "<Queue maxsize=0 getters=1> is bound to a different event loop");
  other.close();
  queue.shutdown();
  turn();
  EXPECT_EQ(noted().size(), 1u);
}

}  // namespace
}  // namespace evloop
