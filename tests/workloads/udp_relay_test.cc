#include "workloads/udp_relay.h"

#include <sys/resource.h>

#include <map>
#include <set>

#include "host/datagram_gate.h"
#include "host/listeners.h"
#include "workloads/datagram_peer.h"
#include "workloads/workload_test.h"

namespace evloopd::workloads {
namespace {

using host::Listens;
using testing::ElementsAre;
using testing::IsEmpty;

class UdpRelayTest : public WorkloadTest {
 protected:
  ~UdpRelayTest() override {
    const evloop::EventLoop::RunScope scope(loop_);
    gates_.clear();
    share_.reset();
  }

  void relay(UdpRelayOptions options, std::vector<std::string> upstreams) {
    for (auto& address : upstreams) options.upstreams.push_back({.address = std::move(address)});
    start(options);
    socket_ = listen("127.0.0.1:0");
    watch();
  }
  static host::SharedSocket listen(const std::string& address) {
    return host::open_listener(address, Listens::datagrams, 1, 0).value().sockets.at(0);
  }
  void watch() {
    on_loop([&] { gates_.push_back(std::make_unique<host::DatagramGate>(loop_, socket_, *share_, barred_)); });
  }
  void unwatch() {
    on_loop([&] { gates_.clear(); });
  }
  [[nodiscard]] evloop::SocketAddress address() const { return evloop::SocketAddress::parse(socket_->address); }

  // The next datagram that comes to a peer.
  std::string next(DatagramPeer& peer) {
    std::optional<std::string> datagram;
    EXPECT_TRUE(turn_until([&] { return (datagram = peer.take()).has_value(); }));
    return datagram.value_or("");
  }
  // Has an upstream get a client's datagram, and know the session.
  void reach(DatagramPeer& client, DatagramPeer& upstream, const std::string& text = "hello") {
    client.send(text, address());
    EXPECT_EQ(next(upstream), text);
  }

  [[nodiscard]] std::map<std::string, double> measured(const std::string& name) const {
    std::map<std::string, double> values;
    for (const auto& measure : workload_->measures())
      if (measure.name == name && measure.value > 0) values[measure.labels.at(0).value] = measure.value;
    return values;
  }
  using Counts = std::map<std::string, double>;
  [[nodiscard]] Counts dropped() const { return measured("datagrams_dropped_total"); }
  [[nodiscard]] Counts ended() const {
    Counts counts;
    for (const auto& [name, count] : workload_->ends())
      if (count > 0) counts[std::string(name)] = static_cast<double>(count);
    return counts;
  }

  std::atomic<bool> barred_{false};
  host::SharedSocket socket_;
  std::vector<std::unique_ptr<host::DatagramGate>> gates_;
};

TEST_F(UdpRelayTest, EachClientGetsOnlyTheAnswersToItsOwnDatagrams) {
  DatagramPeer upstream, one, other;
  relay({}, {upstream.address().to_string()});
  reach(one, upstream, "from one");
  const auto session_of_one = upstream.from;
  reach(other, upstream, "from other");
  const auto session_of_other = upstream.from;
  EXPECT_NE(session_of_one, session_of_other);

  upstream.send("to other", session_of_other);
  upstream.send("to one", session_of_one);
  EXPECT_EQ(next(one), "to one");
  EXPECT_EQ(one.from, address()) << "an answer comes from where the client has sent to";
  EXPECT_EQ(next(other), "to other");
  turn(3);
  EXPECT_EQ(one.take(), std::nullopt);
  EXPECT_EQ(other.take(), std::nullopt);
  EXPECT_EQ(share_->connections(), 2U);
  EXPECT_EQ(bytes_in(), 18U);
  EXPECT_EQ(bytes_out(), 14U);
  EXPECT_EQ(measured("datagrams_total"), (Counts{{"to_upstream", 2}, {"to_client", 2}}));
  EXPECT_THAT(dropped(), IsEmpty());
}

TEST_F(UdpRelayTest, ManyDatagramsOfManyClientsKeepTheirOrderAndBounds) {
  DatagramPeer upstream;
  relay({}, {upstream.address().to_string()});
  std::array<DatagramPeer, 3> clients;
  // More than one batch, of runs and of single ones; an empty datagram is one, too.
  for (int i = 0; i < 60; ++i)
    for (std::size_t c = 0; c < clients.size(); ++c)
      if (i % (static_cast<int>(c) + 1) == 0)
        clients[c].send(i == 6 ? "" : std::string(static_cast<std::size_t>(i) * 7, static_cast<char>('a' + c)),
                        address());
  std::map<std::string, std::vector<std::size_t>> sizes;
  for (int i = 0; i < 110; ++i) {
    const auto text = next(upstream);
    sizes[upstream.from.to_string()].push_back(text.size());
    upstream.answer(text);
  }
  ASSERT_EQ(sizes.size(), 3U);
  for (const auto& [session, all] : sizes) {
    auto without_empty = all;
    std::erase(without_empty, 0U);
    EXPECT_TRUE(std::ranges::is_sorted(without_empty)) << session;
  }
  const std::array<std::size_t, 3> each{60, 30, 20};
  for (std::size_t c = 0; c < clients.size(); ++c) {
    while (clients[c].received.size() < each[c]) next(clients[c]);
    for (const auto& text : clients[c].received) EXPECT_EQ(text, std::string(text.size(), static_cast<char>('a' + c)));
    EXPECT_EQ(clients[c].take(), std::nullopt);
  }
}

TEST_F(UdpRelayTest, ASessionEndsWhenNeitherSideHasSentForItsTime) {
  DatagramPeer upstream, client;
  relay({.idle = 60s}, {upstream.address().to_string()});
  reach(client, upstream);
  pass(50s);
  upstream.answer("still here");
  EXPECT_EQ(next(client), "still here");
  pass(50s);
  reach(client, upstream, "so am I");
  pass(59s);
  EXPECT_EQ(share_->connections(), 1U);
  pass(1s);
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_EQ(ended(), (Counts{{"idle_timeout", 1}}));
  EXPECT_EQ(counters().connections_open, 0U);
  // It begins anew.
  reach(client, upstream, "again");
  EXPECT_EQ(counters().connections_total, 2U);
}

TEST_F(UdpRelayTest, EachSessionHasATimeOfItsOwn) {
  DatagramPeer upstream, first, second;
  relay({.idle = 10s}, {upstream.address().to_string()});
  reach(first, upstream);
  pass(4s);
  reach(second, upstream);
  pass(4s);
  reach(first, upstream);
  pass(6s);
  EXPECT_EQ(share_->connections(), 1U) << "the second's time is over";
  pass(4s);
  EXPECT_EQ(share_->connections(), 0U);
}

TEST_F(UdpRelayTest, SessionsTakeTurnsByWeightAndStayWhereTheyAre) {
  DatagramPeer a, b;
  UdpRelayOptions options;
  options.upstreams = {{.address = a.address().to_string(), .weight = 3}, {.address = b.address().to_string()}};
  relay(options, {});
  std::vector<DatagramPeer> clients(8);
  for (int round = 0; round < 2; ++round) {
    for (auto& client : clients) client.send("x", address());
    EXPECT_TRUE(turn_until([&] {
      a.take();
      b.take();
      return a.received.size() + b.received.size() == 8U * static_cast<unsigned>(round + 1);
    }));
  }
  EXPECT_EQ(a.received.size(), 12U);
  EXPECT_EQ(b.received.size(), 4U);
  EXPECT_EQ(share_->connections(), 8U);
}

TEST_F(UdpRelayTest, OneAddressOfClientsGoesToOneUpstreamByItsHash) {
  std::array<DatagramPeer, 4> upstreams;
  std::vector<std::string> addresses;
  for (const auto& upstream : upstreams) addresses.push_back(upstream.address().to_string());
  relay({.balance = Balance::source_hash}, addresses);
  std::vector<DatagramPeer> clients(6);
  for (auto& client : clients) client.send("x", address());
  std::set<std::size_t> chosen;
  std::size_t count = 0;
  EXPECT_TRUE(turn_until([&] {
    for (std::size_t i = 0; i < upstreams.size(); ++i)
      if (upstreams[i].take()) {
        chosen.insert(i);
        ++count;
      }
    return count == clients.size();
  }));
  EXPECT_EQ(chosen.size(), 1U);
}

TEST_F(UdpRelayTest, AnUpstreamThatRefusesEndsTheSessionAndTheNextDatagramGoesToAnother) {
  DatagramPeer gone, there, client;
  const auto nobody = gone.address().to_string();
  gone.close();
  for (const auto balance : {Balance::round_robin, Balance::least_conn, Balance::source_hash}) {
    relay({.balance = balance}, {nobody, there.address().to_string()});
    there.received.clear();
    // A datagram or two may be lost, and no more.
    int sent = 0;
    while (there.received.empty() && sent < 4) {
      client.send("anybody?", address());
      ++sent;
      turn(5);
      there.take();
    }
    EXPECT_LE(sent, 2) << static_cast<int>(balance);
    EXPECT_EQ(ended().contains("refused"), sent == 2);
    EXPECT_EQ(counters().connections_failed, static_cast<unsigned>(sent - 1));
    there.answer("me");
    EXPECT_EQ(next(client), "me");
    unwatch();
  }
}

TEST_F(UdpRelayTest, UpstreamsThatAllRefuseAreTriedAgain) {
  DatagramPeer upstream, client;
  const auto there = upstream.address();
  upstream.close();
  relay({}, {there.to_string()});
  for (int i = 0; i < 3; ++i) {
    client.send("anybody?", address());
    EXPECT_TRUE(turn_until([&] { return counters().connections_failed == static_cast<unsigned>(i + 1); }));
  }
  EXPECT_EQ(share_->connections(), 0U);
  DatagramPeer back(there.to_string());
  reach(client, back);
}

TEST_F(UdpRelayTest, NewClientsAreDroppedWhileThereAreAsManySessionsAsMayBe) {
  DatagramPeer upstream, one, two, three;
  relay({.idle = 10s, .most = 2}, {upstream.address().to_string()});
  reach(one, upstream);
  reach(two, upstream);
  three.send("let me in", address());
  EXPECT_TRUE(turn_until([&] { return dropped() == Counts{{"session_limit", 1}}; }));
  reach(one, upstream, "I am here already");
  pass(10s);
  reach(three, upstream, "now");
  EXPECT_EQ(dropped(), (Counts{{"session_limit", 1}}));
}

TEST_F(UdpRelayTest, OneSourceHasNoMoreSessionsThanItMay) {
  DatagramPeer upstream, one, two, elsewhere("127.0.0.2:0");
  relay({.per_source = 1}, {upstream.address().to_string()});
  reach(one, upstream);
  two.send("x", address());
  EXPECT_TRUE(turn_until([&] { return dropped() == Counts{{"source_limit", 1}}; }));
  reach(elsewhere, upstream);
  EXPECT_EQ(share_->connections(), 2U);
}

TEST_F(UdpRelayTest, LongerDatagramsAreDroppedInBothDirectionsAndTheOthersAreNot) {
  DatagramPeer upstream, client;
  relay({.max_datagram = 100}, {upstream.address().to_string()});
  client.send(std::string(100, 'a'), address());
  client.send(std::string(101, 'b'), address());
  client.send(std::string(99, 'c'), address());
  EXPECT_EQ(next(upstream), std::string(100, 'a'));
  EXPECT_EQ(next(upstream), std::string(99, 'c'));
  EXPECT_EQ(dropped(), (Counts{{"oversize", 1}}));
  upstream.answer(std::string(101, 'd'));
  upstream.answer(std::string(1, 'e'));
  upstream.answer(std::string(101, 'f'));
  EXPECT_EQ(next(client), "e");
  EXPECT_TRUE(turn_until([&] { return dropped() == Counts{{"oversize", 3}}; }));
}

TEST_F(UdpRelayTest, TheLongestDatagramPassesBothWays) {
  DatagramPeer upstream, client;
  relay({}, {upstream.address().to_string()});
  const std::string longest(65507, 'x');
  reach(client, upstream, longest);
  upstream.answer(longest);
  EXPECT_EQ(next(client), longest);
}

TEST_F(UdpRelayTest, WhatTheSystemDoesNotTakeIsDroppedAndCountedAndHoldsUpNobody) {
  DatagramPeer upstream("[::1]:0"), client;
  relay({}, {upstream.address().to_string()});
  reach(client, upstream);
  upstream.answer("before");
  upstream.answer(std::string(65'520, 'x'));  // IPv6 has room for it, IPv4 has not
  upstream.answer("after");
  EXPECT_EQ(next(client), "before");
  EXPECT_EQ(next(client), "after");
  EXPECT_EQ(dropped(), (Counts{{"not_sent", 1}}));
  EXPECT_EQ(share_->connections(), 1U);
}

TEST_F(UdpRelayTest, WithoutADescriptorForItTheClientIsDropped) {
  DatagramPeer upstream, client;
  relay({}, {upstream.address().to_string()});
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  client.send("x", address());
  EXPECT_TRUE(turn_until([&] { return dropped() == Counts{{"no_socket", 1}}; }));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  reach(client, upstream);
}

TEST_F(UdpRelayTest, WithTheSocketGoneASessionWaitsOnlyForAnswersUnderWay) {
  DatagramPeer upstream, client;
  relay({.idle = 60s}, {upstream.address().to_string()});
  reach(client, upstream);
  unwatch();
  EXPECT_EQ(share_->connections(), 1U);
  pass(900ms);
  upstream.answer("late");
  EXPECT_EQ(next(client), "late");
  EXPECT_EQ(client.from, address());
  pass(900ms);
  EXPECT_EQ(share_->connections(), 1U);
  pass(100ms);
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_EQ(ended(), (Counts{{"moved", 1}}));
}

TEST_F(UdpRelayTest, ASocketThatComesBackBringsItsSessionsBack) {
  DatagramPeer upstream, client;
  relay({.idle = 60s}, {upstream.address().to_string()});
  reach(client, upstream);
  const auto session = upstream.from;
  unwatch();
  client.send("waits in the queue", address());
  turn(3);
  EXPECT_EQ(upstream.take(), std::nullopt);
  watch();
  EXPECT_EQ(next(upstream), "waits in the queue");
  EXPECT_EQ(upstream.from, session);
  pass(59s);
  EXPECT_EQ(share_->connections(), 1U);
}

TEST_F(UdpRelayTest, ABarredLoopTakesNothing) {
  DatagramPeer upstream, client;
  relay({}, {upstream.address().to_string()});
  barred_ = true;
  client.send("x", address());
  turn(5);
  EXPECT_EQ(share_->connections(), 0U);
  barred_ = false;
  EXPECT_EQ(next(upstream), "x");
}

TEST_F(UdpRelayTest, AnAbortCutsAllSessionsAtOnce) {
  DatagramPeer upstream, one, two;
  relay({}, {upstream.address().to_string()});
  reach(one, upstream);
  unwatch();
  watch();
  reach(two, upstream);
  on_loop([&] { share_->abort(); });
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_EQ(ended(), (Counts{{"aborted", 2}}));
}

TEST_F(UdpRelayTest, SpeaksIpv6AndBetweenTheFamilies) {
  DatagramPeer upstream, client("[::1]:0");
  relay({.per_source = 5}, {upstream.address().to_string()});
  unwatch();
  socket_ = listen("[::1]:0");
  watch();
  reach(client, upstream);
  upstream.answer("six");
  EXPECT_EQ(next(client), "six");
  EXPECT_EQ(client.from, address());
}

TEST_F(UdpRelayTest, AnswersComeFromTheAddressThatWasAskedAlsoIfTheListenerHasAll) {
  DatagramPeer upstream, client("127.0.0.1:0"), six("[::1]:0");
  relay({}, {upstream.address().to_string()});
  unwatch();
  socket_ = listen("0.0.0.0:0");
  watch();
  const std::array asked{evloop::SocketAddress::ip("127.0.0.3", address().port()),
                         evloop::SocketAddress::ip("127.0.0.2", address().port())};
  std::array<evloop::SocketAddress, 2> sessions;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    client.send("to " + asked[i].host(), asked[i]);
    EXPECT_EQ(next(upstream), "to " + asked[i].host());
    sessions[i] = upstream.from;
  }
  EXPECT_NE(sessions[0], sessions[1]);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    upstream.send("from " + asked[i].host(), sessions[i]);
    EXPECT_EQ(next(client), "from " + asked[i].host());
    EXPECT_EQ(client.from, asked[i]);
  }

  unwatch();
  socket_ = listen("[::]:0");
  watch();
  six.send("six", evloop::SocketAddress::ip("::1", address().port()));
  EXPECT_EQ(next(upstream), "six");
  upstream.answer("from six");
  EXPECT_EQ(next(six), "from six");
  EXPECT_EQ(six.from, evloop::SocketAddress::ip("::1", address().port()));
}

TEST_F(UdpRelayTest, AListOfUpstreamsIsTakenOverInPlaceAndOtherChangesAreNot) {
  DatagramPeer before, after, old_client, new_client;
  UdpRelayOptions options;
  relay(options, {before.address().to_string()});
  reach(old_client, before);
  options.upstreams = {{.address = before.address().to_string()}};
  EXPECT_EQ(workload_->adopt(*make_workload(options)), host::Workload::Adoption::same);
  options.upstreams = {{.address = after.address().to_string()}};
  EXPECT_EQ(workload_->adopt(*make_workload(options)), host::Workload::Adoption::taken);
  EXPECT_EQ(workload_->adopt(*make_workload(options)), host::Workload::Adoption::same);
  reach(old_client, before, "stays");
  reach(new_client, after);
  options.idle = 1s;
  EXPECT_EQ(workload_->adopt(*make_workload(options)), host::Workload::Adoption::impossible);
  EXPECT_EQ(workload_->adopt(*make_workload(TcpDiscardOptions{})), host::Workload::Adoption::impossible);
}

TEST_F(UdpRelayTest, SaysOfItselfWhatItDoes) {
  DatagramPeer upstream, client;
  relay({.most = 7, .max_datagram = 10}, {upstream.address().to_string()});
  reach(client, upstream);
  client.send(std::string(11, 'x'), address());
  EXPECT_TRUE(turn_until([&] { return !dropped().empty(); }));
  std::map<std::string, std::string> facts;
  for (const auto& [name, value] : workload_->facts()) facts[name] = value;
  EXPECT_EQ(facts, (std::map<std::string, std::string>{{"Sessions", "1 of 7 open"},
                                                       {"Datagrams", "1 to upstreams, 0 to clients"},
                                                       {"Dropped", "1 oversize"}}));
  const auto seen = workload_->upstreams()->snapshot();
  EXPECT_EQ(seen.list.at(0).connections_open, 1U);
  EXPECT_EQ(seen.list.at(0).connections_total, 1U);
}

}  // namespace
}  // namespace evloopd::workloads
