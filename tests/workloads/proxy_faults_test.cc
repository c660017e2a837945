// Connections of tcp.proxy with faults: what their ends see. fault_stage_test.cc has what one direction does.
#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "host/faults.h"
#include "workloads/proxy_test.h"

namespace evloopd::workloads {
namespace {

using host::FaultDirection;
using host::FaultSpec;

class ProxyFaultsTest : public TcpProxyTest {
 protected:
  Ends tunnel_with(const FaultSpec& faults, ProxyTimeouts timeouts = {}, std::size_t buffer = 64 * 1024) {
    TcpProxyOptions options;
    options.buffer = buffer;
    options.connection.faults = faults;
    options.connection.timeouts = timeouts;
    return tunnel_to(upstream_, std::move(options));
  }
  std::map<std::string, std::uint64_t> ends() {
    std::map<std::string, std::uint64_t> found;
    for (const auto& [name, count] : workload_->ends())
      if (count > 0) found.emplace(name, count);
    return found;
  }
  static std::map<std::string, std::uint64_t> once(const std::string& reason) { return {{reason, 1}}; }
  bool all_gone() {
    EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
    return share_->connections() == 0;
  }

  Backend upstream_;
};

TEST_F(ProxyFaultsTest, LatencyIsOnBothWays) {
  auto [client, server] = tunnel_with({.latency = 20ms});
  client.send("question");
  turn(3);
  pass(19ms);
  EXPECT_FALSE(server.has_received(1));
  pass(1ms);
  EXPECT_TRUE(gets(server, "question"));
  server.send("answer");
  turn(3);
  pass(19ms);
  EXPECT_FALSE(client.has_received(1));
  pass(1ms);
  EXPECT_TRUE(gets(client, "answer"));
  EXPECT_EQ(bytes_in(), 8U);
  EXPECT_EQ(bytes_out(), 6U);
  EXPECT_EQ(workload_->faults()->snapshot().connections, 1U);
}

TEST_F(ProxyFaultsTest, OneDirectionLeavesTheOtherAlone) {
  auto [client, server] = tunnel_with({.direction = FaultDirection::to_client, .latency = 20ms});
  client.send("question");
  EXPECT_TRUE(gets(server, "question"));
  server.send("answer");
  turn(3);
  EXPECT_FALSE(client.has_received(1));
  pass(20ms);
  EXPECT_TRUE(gets(client, "answer"));
}

TEST_F(ProxyFaultsTest, HalfCloseIsKeptAndComesBehindTheData) {
  auto [client, server] = tunnel_with({.latency = 20ms});
  client.send("all I have");
  client.send_eof();
  turn(3);
  pass(19ms);
  EXPECT_FALSE(server.has_ended());
  pass(1ms);
  EXPECT_TRUE(turn_until([&] { return server.has_ended(); }));
  EXPECT_EQ(server.received, "all I have");
  server.send("thanks");
  turn(3);
  pass(20ms);
  EXPECT_TRUE(gets(client, "thanks"));
  EXPECT_FALSE(client.has_ended());
  server.send_eof();
  turn(3);
  EXPECT_EQ(share_->connections(), 1U) << "the end is still on its way";
  pass(20ms);
  EXPECT_TRUE(turn_until([&] { return client.has_ended(); }));
  EXPECT_TRUE(all_gone());
  EXPECT_EQ(ends(), once("client_closed"));
}

TEST_F(ProxyFaultsTest, WhatSomebodyWhoIsGoneHasSentStillArrives) {
  auto [client, server] = tunnel_with({.bandwidth = 1000});
  client.send(std::string(500, 'x'));
  client.close();
  turn(3);
  pass(250ms);
  EXPECT_EQ((server.receive(), server.received.size()), 250U);
  pass(250ms);
  EXPECT_TRUE(turn_until([&] { return server.has_ended(); }));
  EXPECT_EQ(server.received.size(), 500U);
  server.close();
  EXPECT_TRUE(all_gone());
}

TEST_F(ProxyFaultsTest, AResetOfOneSideReachesTheOther) {
  auto [client, server] = tunnel_with({.latency = 20ms});
  client.reset();
  EXPECT_TRUE(turn_until([&] { return server.error() == ECONNRESET; }));
  EXPECT_TRUE(all_gone());
  EXPECT_EQ(ends(), once("client_reset"));
}

TEST_F(ProxyFaultsTest, ResetsBothSidesAfterSoManyBytes) {
  auto [client, server] = tunnel_with({.direction = FaultDirection::to_client, .reset_bytes = 10});
  client.send(std::string(100, 'x'));
  EXPECT_TRUE(turn_until([&] { return server.has_received(100); }));
  server.send("0123456");
  EXPECT_TRUE(gets(client, "0123456"));
  server.send("789abc");
  EXPECT_TRUE(turn_until([&] { return client.error() == ECONNRESET && server.error() == ECONNRESET; }));
  EXPECT_EQ(client.received, "0123456789");
  EXPECT_TRUE(all_gone());
  EXPECT_EQ(ends(), once("fault_reset"));
}

TEST_F(ProxyFaultsTest, ResetsAfterATimeFromTheConnect) {
  auto [client, server] = tunnel_with({.reset_time = 1s});
  pass(999ms);
  EXPECT_FALSE(client.is_gone());
  pass(1ms);
  EXPECT_TRUE(turn_until([&] { return client.error() == ECONNRESET && server.error() == ECONNRESET; }));
  EXPECT_TRUE(all_gone());
  EXPECT_EQ(ends(), once("fault_reset"));
}

TEST_F(ProxyFaultsTest, ABlackholeIsEndedByTheIdleTimeout) {
  auto [client, server] = tunnel_with({.blackhole = true}, {.idle = 10s});
  client.send("hello?");
  server.send("hello?");
  for (int i = 0; i < 9; ++i) pass(1s);
  EXPECT_FALSE(client.is_gone() || server.is_gone());
  for (int i = 0; i < 6; ++i) pass(1s);
  EXPECT_TRUE(turn_until([&] { return client.is_gone() && server.is_gone(); }));
  EXPECT_EQ(client.received + server.received, "");
  EXPECT_TRUE(all_gone());
  EXPECT_EQ(ends(), once("idle_timeout"));
}

TEST_F(ProxyFaultsTest, ABlackholeSwallowsTheEndOfData) {
  auto [client, server] = tunnel_with({.blackhole = true}, {.half_close = 10s});
  client.close();
  for (int i = 0; i < 9; ++i) pass(1s);
  EXPECT_FALSE(server.is_gone());
  for (int i = 0; i < 6; ++i) pass(1s);
  EXPECT_TRUE(turn_until([&] { return server.is_gone(); }));
  EXPECT_TRUE(all_gone());
  EXPECT_EQ(ends(), once("half_close_timeout"));
}

// All is received at once, and on its way for longer than the timeout.
TEST_F(ProxyFaultsTest, WhatIsPassedOnSlowlyIsNotIdle) {
  auto [client, server] = tunnel_with({.bandwidth = 1000}, {.idle = 10s});
  server.send(std::string(30'000, 'x'));
  for (int i = 0; i < 310; ++i) {
    pass(100ms);
    client.receive();
  }
  EXPECT_TRUE(turn_until([&] { return client.has_received(30'000); }));
  EXPECT_FALSE(client.is_gone());
}

TEST_F(ProxyFaultsTest, TheLifetimeEndsThemAllTheSame) {
  auto [client, server] = tunnel_with({.latency = 1h}, {.lifetime = 10s});
  client.send("too late");
  for (int i = 0; i < 15; ++i) pass(1s);
  EXPECT_TRUE(turn_until([&] { return client.is_gone() && server.is_gone(); }));
  EXPECT_TRUE(all_gone());
  EXPECT_EQ(ends(), once("lifetime"));
}

TEST_F(ProxyFaultsTest, ADrainCutsThem) {
  auto [client, server] = tunnel_with({.latency = 1h, .reset_time = 1min});
  client.send("too late");
  turn(3);
  on_loop([&] {
    share_->drain();
    share_->abort();
  });
  EXPECT_TRUE(all_gone());
  EXPECT_TRUE(client.is_gone() && server.is_gone());
  EXPECT_EQ(ends(), once("drained"));
}

TEST_F(ProxyFaultsTest, OutliveTheShareByNothing) {
  auto [client, server] = tunnel_with({.latency = 20ms, .reset_time = 30ms});
  client.send("in the stage");
  turn(3);
  on_loop([&] { share_.reset(); });
  pass(20ms);
  pass(20ms);
  EXPECT_TRUE(client.is_gone() && server.is_gone());
}

// The upstream's reader sleeps: the proxy takes its buffer, what the sockets take, and no more.
TEST_F(ProxyFaultsTest, ASlowReaderHoldsUpTheSender) {
  auto [client, server] = tunnel_with({.latency = 20ms}, {}, 64 * 1024);
  const std::string data(64'000'000, 'x');
  std::size_t sent = 0;
  int quiet = 0;
  while (quiet < 20 && sent < data.size()) {
    const auto more = client.try_send(std::string_view(data).substr(sent));
    quiet = more == 0 ? quiet + 1 : 0;
    sent += more;
    pass(20ms);
  }
  EXPECT_LT(sent, data.size());
  EXPECT_TRUE(turn_until([&] {
    pass(20ms);
    return server.has_received(sent);
  }));
}

TEST_F(ProxyFaultsTest, HarmNoByte) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  auto [client, server] = tunnel_with(
      {.seed = 7, .latency = 20ms, .jitter = 5ms, .bandwidth = 4 << 20, .slice_size = 1777, .slice_delay = 1us});
  struct Way {
    Peer& from;
    Peer& to;
    std::string data;
    std::size_t sent = 0;
    bool ended = false;
  };
  Way ways[] = {{client, server, {}}, {server, client, {}}};
  for (auto& way : ways)
    for (std::size_t left = 1 << 20; left > 0; --left) way.data += static_cast<char>(random());
  EXPECT_TRUE(turn_until([&] {
    for (auto& way : ways) {
      if (!way.ended && up_to(2) == 0)
        way.sent += way.from.try_send(std::string_view(way.data).substr(way.sent, up_to(200'000)));
      if (way.sent == way.data.size() && !std::exchange(way.ended, true)) way.from.send_eof();
      if (up_to(2) == 0) way.to.receive(up_to(200'000));
    }
    pass(std::chrono::microseconds(up_to(2000)));
    return std::ranges::all_of(ways, [](Way& way) { return way.ended && way.to.has_ended(); });
  }));
  for (const auto& way : ways) EXPECT_TRUE(way.to.received == way.data);
  EXPECT_TRUE(all_gone());
}

TEST_F(ProxyFaultsTest, ThatAreSetAreForNewConnectionsOnly) {
  auto [client, server] = tunnel_with({});
  ASSERT_TRUE(workload_->faults()->set({.latency = 20ms}, 1min));
  client.send("as before");
  EXPECT_TRUE(gets(server, "as before"));
  auto second = connect();
  auto its_server = accept(upstream_);
  second.send("late");
  turn(3);
  EXPECT_FALSE(its_server.has_received(1));
  pass(20ms);
  EXPECT_TRUE(gets(its_server, "late"));
  workload_->faults()->clear();
  second.send(" still");
  turn(3);
  EXPECT_EQ(its_server.received, "late");
  auto third = connect();
  auto last = accept(upstream_);
  third.send("at once");
  EXPECT_TRUE(gets(last, "at once"));
}

TEST_F(ProxyFaultsTest, NewConfiguredOnesAreTakenOverInPlace) {
  auto [client, server] = tunnel_with({});
  TcpProxyOptions options;
  options.buffer = 64 * 1024;
  options.upstreams.list.push_back({upstream_.address()});
  const auto adopt = [&] { return workload_->adopt(*make_workload(options)); };
  EXPECT_EQ(adopt(), host::Workload::Adoption::same);
  options.connection.faults.latency = 20ms;
  EXPECT_EQ(adopt(), host::Workload::Adoption::taken);
  EXPECT_EQ(workload_->faults()->snapshot().in_force.latency, 20ms);
  EXPECT_EQ(adopt(), host::Workload::Adoption::same);
  options.buffer = 5000;
  EXPECT_EQ(adopt(), host::Workload::Adoption::impossible);
}

}  // namespace
}  // namespace evloopd::workloads
