#include "workloads/upstreams/waiting_room.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "aio/event_loop.h"
#include "workloads/upstreams/pool_test.h"

namespace evloopd::workloads {
namespace {

class Guest final : public WaitingRoom::Guest {
 public:
  void called() override { ++calls; }
  int calls = 0;
};

void turn(evloop::EventLoop& loop) {
  const evloop::EventLoop::RunScope scope(loop);
  loop.call_soon([] {});
  loop.run_once();
}

// Has the next one called while `loop` runs.
void call_next(evloop::EventLoop& loop, WaitingRoom& room) {
  const evloop::EventLoop::RunScope scope(loop);
  room.call_next();
}

TEST(WaitingRoom, CallsThoseWhoWaitInTheirOrder) {
  evloop::EventLoop loop;
  const auto room = std::make_shared<WaitingRoom>(3);
  Guest guests[3];
  std::vector<std::shared_ptr<WaitingRoom::Ticket>> tickets;
  for (auto& guest : guests) {
    tickets.push_back(std::make_shared<WaitingRoom::Ticket>(loop.port(), guest));
    EXPECT_TRUE(room->join(tickets.back(), WaitingRoom::Where::end));
  }
  EXPECT_TRUE(room->is_first(*tickets[0]));
  call_next(loop, *room);
  turn(loop);
  EXPECT_EQ(guests[0].calls, 1);
  EXPECT_TRUE(room->join(tickets[0], WaitingRoom::Where::front));
  EXPECT_TRUE(room->is_first(*tickets[0]));
  room->leave(*tickets[0]);
  call_next(loop, *room);
  turn(loop);
  EXPECT_EQ(guests[1].calls, 1);
  EXPECT_EQ(room->size(), 1U);
  loop.close();
}

TEST(WaitingRoom, TakesOnlySoMany) {
  evloop::EventLoop loop;
  const auto room = std::make_shared<WaitingRoom>(1);
  Guest guest;
  EXPECT_TRUE(room->join(std::make_shared<WaitingRoom::Ticket>(loop.port(), guest), WaitingRoom::Where::end));
  EXPECT_FALSE(room->join(std::make_shared<WaitingRoom::Ticket>(loop.port(), guest), WaitingRoom::Where::end));
  EXPECT_EQ(room->refused(), 1U);
  loop.close();
}

// A loop that is stopped has its place kept, and holds nobody up.
TEST(WaitingRoom, PassesOverThoseWhoseLoopIsStopped) {
  evloop::EventLoop stopped, running;
  const auto room = std::make_shared<WaitingRoom>(2);
  Guest first, second;
  const auto ticket = std::make_shared<WaitingRoom::Ticket>(stopped.port(), first);
  ASSERT_TRUE(room->join(ticket, WaitingRoom::Where::end));
  ASSERT_TRUE(room->join(std::make_shared<WaitingRoom::Ticket>(running.port(), second), WaitingRoom::Where::end));
  call_next(running, *room);
  turn(running);
  EXPECT_EQ(second.calls, 1);
  EXPECT_TRUE(room->is_first(*ticket));
  call_next(stopped, *room);
  turn(stopped);
  EXPECT_EQ(first.calls, 1);
  stopped.close();
  running.close();
}

TEST(WaitingRoom, ATurnOfOneWhoHasGoneIsTheNextOnes) {
  evloop::EventLoop loop;
  const auto room = std::make_shared<WaitingRoom>(2);
  Guest first, second;
  const auto ticket = std::make_shared<WaitingRoom::Ticket>(loop.port(), first);
  ASSERT_TRUE(room->join(ticket, WaitingRoom::Where::end));
  ASSERT_TRUE(room->join(std::make_shared<WaitingRoom::Ticket>(loop.port(), second), WaitingRoom::Where::end));
  call_next(loop, *room);
  ticket->abandon();
  turn(loop);
  turn(loop);
  EXPECT_EQ(first.calls, 0);
  EXPECT_EQ(second.calls, 1);
  loop.close();
}

}  // namespace
}  // namespace evloopd::workloads
