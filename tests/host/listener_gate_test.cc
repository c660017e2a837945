#include "host/listener_gate.h"

#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "net/net_test.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using evloop::Interest;
using evloop::SocketAddress;
using evloop::UniqueFd;

class KeepingShare final : public WorkloadShare {
 public:
  void accepted(Accepted connection) override {
    if (throws) throw std::runtime_error("not this one");
    kept.push_back(std::move(connection));
  }
  [[nodiscard]] std::size_t connections() const override { return kept.size(); }
  void drain() override {}
  void abort() override { kept.clear(); }

  std::vector<Accepted> kept;
  bool throws = false;
};

// Unix sockets connect without the loop's help and without delay, so that time can be virtual.
class Gate : public evloop::NetTest {
 protected:
  Gate() : NetTest(Time::is_virtual) { open(); }

  void open() { gate_ = ListenerGate::open(loop_, socket_, share_, barred_); }
  void connect(int count = 1) {
    for (; count > 0; --count) {
      auto& client = clients_.emplace_back(evloop::open_stream_socket(AF_UNIX));
      const auto address = SocketAddress::local(socket_->fd.get());
      if (::connect(client.get(), address.data(), address.length()) != 0) ADD_FAILURE() << errno;
    }
  }
  // After so many turns that a change of the limits has reached the gate, and it has seen who is there.
  [[nodiscard]] std::size_t accepted() {
    turn(4);
    return share_.kept.size();
  }
  [[nodiscard]] bool is_watched() const { return loop_.is_watched(socket_->fd.get(), Interest::read); }

  const std::shared_ptr<ListenerLimit> limit_ = std::make_shared<ListenerLimit>();
  const SharedSocket socket_ = std::make_shared<const ListeningSocket>(
      evloop::listen_stream_socket(
          SocketAddress::unix_path(std::string("\0evloopd-gate-", 14) + std::to_string(::getpid()))),
      "a socket", limit_);
  std::atomic<bool> barred_{false};
  KeepingShare share_;
  std::vector<UniqueFd> clients_;
  std::shared_ptr<ListenerGate> gate_;
};

TEST_F(Gate, WithoutLimitsLetsEverybodyInAndCountsNobody) {
  connect(3);
  EXPECT_EQ(accepted(), 3U);
  EXPECT_FALSE(share_.kept.front().place);
  EXPECT_EQ(limit_->open(), 0U);
  limit_->set({.max_connections = 1});
  connect(2);
  EXPECT_EQ(accepted(), 4U) << "who came before does not count";
}

TEST_F(Gate, TheThirdOfTwoWaitsUntilOneLeaves) {
  limit_->set({.max_connections = 2});
  connect(4);
  EXPECT_EQ(accepted(), 2U);
  EXPECT_TRUE(limit_->has_waiters());
  EXPECT_FALSE(is_watched()) << "a loop that waits does not turn in vain";
  share_.kept.erase(share_.kept.begin());
  EXPECT_EQ(accepted(), 2U);
  EXPECT_EQ(limit_->waits(), 2U);
  share_.kept.clear();
  EXPECT_EQ(accepted(), 1U);
  EXPECT_FALSE(limit_->has_waiters());
  EXPECT_EQ(limit_->open(), 1U);
}

TEST_F(Gate, AtItsLimitItWaitsForNothingUntilSomebodyComes) {
  limit_->set({.max_connections = 2});
  connect(2);
  EXPECT_EQ(accepted(), 2U);
  EXPECT_FALSE(limit_->has_waiters());
  EXPECT_EQ(limit_->waits(), 0U);
  EXPECT_TRUE(is_watched());
  connect();
  EXPECT_EQ(accepted(), 2U);
  EXPECT_TRUE(limit_->has_waiters());
}

TEST_F(Gate, HoldsNoPlaceForNobody) {
  limit_->set({.max_connections = 5, .accept_rate = 5});
  connect(2);
  EXPECT_EQ(accepted(), 2U);
  EXPECT_EQ(limit_->open(), 2U);
  connect(3);
  EXPECT_EQ(accepted(), 5U) << "and no turn";
}

TEST_F(Gate, LetsInSoManyASecond) {
  limit_->set({.accept_rate = 2});
  connect(5);
  EXPECT_EQ(accepted(), 2U);
  EXPECT_FALSE(is_watched());
  EXPECT_TRUE(limit_->has_waiters());
  const auto before = loop_.time();
  turn_until([&] { return share_.kept.size() == 3; });
  EXPECT_EQ(loop_.time() - before, 500ms);
  turn_until([&] { return share_.kept.size() == 5; });
  EXPECT_EQ(loop_.time() - before, 1500ms);
  EXPECT_EQ(limit_->open(), 5U);
}

TEST_F(Gate, WhoWaitsIsLetInWhenTheLimitIsRaisedOrTaken) {
  limit_->set({.max_connections = 1});
  connect(5);
  EXPECT_EQ(accepted(), 1U);
  limit_->set({.max_connections = 3});
  EXPECT_EQ(accepted(), 3U);
  limit_->set({});
  EXPECT_EQ(accepted(), 5U);
  EXPECT_FALSE(limit_->has_waiters());
}

TEST_F(Gate, AHigherRateDoesNotWaitForTheTurnOfTheLowerOne) {
  limit_->set({.accept_rate = 1});
  connect(3);
  EXPECT_EQ(accepted(), 1U);
  clock_.advance(100ms);
  limit_->set({.accept_rate = 10});
  EXPECT_EQ(accepted(), 2U);
  const auto before = loop_.time();
  turn_until([&] { return share_.kept.size() == 3; });
  EXPECT_EQ(loop_.time() - before, 100ms);
}

TEST_F(Gate, ThatGoesWhileItWaitsIsWokenNoMoreAndTheNextOneLetsIn) {
  for (const ListenerLimits limits : {ListenerLimits{.max_connections = 1}, ListenerLimits{.accept_rate = 1}}) {
    limit_->set(limits);
    connect(2);
    EXPECT_EQ(accepted(), 1U);
    EXPECT_TRUE(limit_->has_waiters());
    gate_.reset();
    EXPECT_FALSE(limit_->has_waiters());
    share_.kept.clear();
    clock_.advance(1s);
    EXPECT_EQ(accepted(), 0U);
    open();
    EXPECT_EQ(accepted(), 1U);
    limit_->set({});
    share_.kept.clear();
  }
}

TEST_F(Gate, MayGoBetweenItsWakingAndItsTurn) {
  limit_->set({.max_connections = 1});
  connect(2);
  EXPECT_EQ(accepted(), 1U);
  share_.kept.clear();
  gate_.reset();
  EXPECT_EQ(accepted(), 0U);
  EXPECT_FALSE(is_watched());
}

TEST_F(Gate, BarredLetsNobodyInWhoLeavesOrNot) {
  limit_->set({.max_connections = 1});
  connect(2);
  EXPECT_EQ(accepted(), 1U);
  barred_ = true;
  share_.kept.clear();
  EXPECT_EQ(accepted(), 0U);
  EXPECT_EQ(limit_->open(), 0U);
}

TEST_F(Gate, WhatAWorkloadRefusesByAnExceptionIsNotCounted) {
  limit_->set({.max_connections = 1});
  share_.throws = true;
  connect(2);
  turn();
  EXPECT_EQ(limit_->open(), 0U);
  share_.throws = false;
  EXPECT_EQ(accepted(), 1U);
  EXPECT_EQ(reports_.size(), 1U);
}

// A loop of two that share a socket may find that the other one was faster.
TEST_F(Gate, TwoOnOneSocketLetInNoMoreThanOne) {
  const auto other = ListenerGate::open(
      loop_, std::make_shared<const ListeningSocket>(UniqueFd(::dup(socket_->fd.get())), "the same", limit_), share_,
      barred_);
  limit_->set({.max_connections = 1});
  connect(4);
  for (int left = 4; left > 0; --left) {
    EXPECT_EQ(accepted(), 1U);
    EXPECT_EQ(limit_->open(), 1U);
    share_.kept.clear();
  }
  EXPECT_EQ(accepted(), 0U);
  EXPECT_EQ(limit_->open(), 0U);
}

}  // namespace
}  // namespace evloopd::host
