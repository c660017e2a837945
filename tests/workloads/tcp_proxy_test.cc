#include "workloads/tcp_proxy.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "aio/errors.h"
#include "workloads/proxy_test.h"

namespace evloopd::workloads {
namespace {

TEST_F(TcpProxyTest, RelaysInBothDirections) {
  Backend upstream;
  start_to({upstream.address()});
  auto client = connect();
  client.send("question");
  auto server = accept(upstream);
  EXPECT_TRUE(gets(server, "question"));
  server.send("answer");
  EXPECT_TRUE(gets(client, "answer"));
}

TEST_F(TcpProxyTest, ReachesUnixAndIPv6Upstreams) {
  const auto path = testing::TempDir() + "evloopd-proxy-" + std::to_string(::getpid()) + ".sock";
  for (const auto& address : {SocketAddress::unix_path(path), SocketAddress::parse("[::1]:0")}) {
    Backend upstream(address);
    auto [client, server] = tunnel_to(upstream);
    server.send("hello");
    EXPECT_TRUE(gets(client, "hello"));
  }
  ::unlink(path.c_str());
}

TEST_F(TcpProxyTest, LetsTheUpstreamSpeakFirst) {
  Backend upstream;
  auto [client, server] = tunnel_to(upstream);
  server.send("220 ready");
  EXPECT_TRUE(gets(client, "220 ready"));
}

// Random sizes and pauses, both ways at once, through a small buffer.
TEST_F(TcpProxyTest, HarmsNoByte) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  Backend upstream;
  start_to({upstream.address()}, {.buffer = 4096});

  struct Way {
    Peer& from;
    Peer& to;
    std::string data;
    std::size_t sent = 0;
  };
  auto client = connect();
  auto server = accept(upstream);
  Way ways[] = {{client, server, {}}, {server, client, {}}};
  for (auto& way : ways)
    for (std::size_t left = 3'000'000; left > 0; --left) way.data += static_cast<char>(random());

  EXPECT_TRUE(turn_until([&] {
    for (auto& way : ways) {
      if (up_to(2) == 0)
        way.sent +=
            way.from.try_send(std::string_view(way.data).substr(way.sent, up_to(up_to(3) == 0 ? 600'000 : 300)));
      if (up_to(2) == 0) way.to.receive(up_to(up_to(3) == 0 ? 600'000 : 300));
    }
    return std::ranges::all_of(ways, [](const Way& way) { return way.to.received.size() >= way.data.size(); });
  }));
  for (const auto& way : ways) EXPECT_TRUE(way.to.received == way.data);
  EXPECT_EQ(bytes_in(), client.received.size());
  EXPECT_EQ(bytes_out(), server.received.size());
}

TEST_F(TcpProxyTest, PassesHalfCloseOnFromTheClient) {
  Backend upstream;
  start_to({upstream.address()});
  auto client = connect();
  client.send("all I have");
  client.send_eof();
  auto server = accept(upstream);
  EXPECT_TRUE(turn_until([&] { return server.has_ended(); }));
  EXPECT_EQ(server.received, "all I have");
  server.send("thanks");
  EXPECT_TRUE(gets(client, "thanks"));
  EXPECT_FALSE(client.has_ended());
  EXPECT_EQ(share_->connections(), 1U);
  server.send_eof();
  EXPECT_TRUE(turn_until([&] { return client.has_ended() && share_->connections() == 0; }));
}

TEST_F(TcpProxyTest, PassesHalfCloseOnFromTheUpstream) {
  Backend upstream;
  auto [client, server] = tunnel_to(upstream);
  server.send("bye");
  server.send_eof();
  EXPECT_TRUE(turn_until([&] { return client.has_ended(); }));
  EXPECT_EQ(client.received, "bye");
  client.send("wait");
  EXPECT_TRUE(gets(server, "wait"));
  client.send_eof();
  EXPECT_TRUE(turn_until([&] { return server.has_ended() && share_->connections() == 0; }));
}

// Both ends are told only after what was sent before.
TEST_F(TcpProxyTest, DeliversAllBeforeItPassesTheEndOn) {
  Backend upstream;
  auto [client, server] = tunnel_to(upstream, {.buffer = 64 * 1024});
  const std::string data(8'000'000, 'x');
  std::size_t sent = 0;
  EXPECT_TRUE(turn_until([&] {
    sent += server.try_send(std::string_view(data).substr(sent));
    if (sent < data.size()) client.receive(100'000);
    return sent == data.size();
  }));
  server.close();
  EXPECT_TRUE(turn_until([&] { return client.has_ended(); }));
  EXPECT_EQ(client.received.size(), data.size());
}

TEST_F(TcpProxyTest, PassesResetsOn) {
  Backend upstream;
  start_to({upstream.address()});
  {
    auto client = connect();
    auto server = accept(upstream);
    client.reset();
    EXPECT_TRUE(turn_until([&] { return server.error() == ECONNRESET; }));
  }
  auto client = connect();
  auto server = accept(upstream);
  server.reset();
  EXPECT_TRUE(turn_until([&] { return client.error() == ECONNRESET; }));
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
}

TEST_F(TcpProxyTest, DeliversWhatAnUpstreamSentBeforeItWasReset) {
  Backend upstream;
  auto [client, server] = tunnel_to(upstream);
  server.send("the answer");
  server.send_eof();
  turn(3);
  server.reset();  // it had ended: it only takes no more
  turn(3);
  client.try_send("more");
  EXPECT_TRUE(turn_until([&] { return client.is_gone() && share_->connections() == 0; }));
  EXPECT_EQ(client.received, "the answer");
}

// Sends in chunks to an upstream that reads slowly, until nothing is taken any more. Between proxy and upstream there
// is only the queue of a unix socket, which tells its size: the rest of what was read waits in the proxy.
class SlowReaderTest : public TcpProxyTest {
 protected:
  static constexpr std::size_t limit = 100'000;

  SlowReaderTest() {
    auto ends = tunnel_to(upstream_, {.buffer = limit});
    client = std::move(ends.client);
    server = std::move(ends.server);
  }
  ~SlowReaderTest() override { ::unlink(path_.c_str()); }

  void fill(std::size_t size) {
    const std::string chunk(size, 'x');
    for (int turns_without = 0; turns_without < 50;) {
      const auto taken = client.try_send(chunk);
      sent += taken;
      turns_without = taken > 0 ? 0 : turns_without + 1;
      ASSERT_LE(held(), limit + loop_.receive_buffer().size());
      server.receive(std::size_t{100});  // slowly, but it reads
      ASSERT_LT(sent, 64U << 20U) << "takes without end";
    }
  }
  // As long as the server keeps up, nothing is held.
  void warm_up_in_bulk() {
    for (int i = 0; i < 10; ++i) {
      sent += client.try_send(std::string(64 * 1024, 'x'));
      ASSERT_TRUE(turn_until([&] { return server.has_received(sent); }));
    }
  }
  std::size_t held() {
    int queued = 0;
    EXPECT_EQ(::ioctl(server.fd(), FIONREAD, &queued), 0);
    return bytes_in() - static_cast<std::size_t>(queued) - server.received.size();
  }
  // Ends of pipes that this process has.
  static std::ptrdiff_t pipes() {
    return std::ranges::count_if(std::filesystem::directory_iterator("/proc/self/fd"), [](const auto& entry) {
      std::error_code gone;
      return std::filesystem::read_symlink(entry.path(), gone).string().starts_with("pipe:");
    });
  }

  Peer client{UniqueFd()};
  Peer server{UniqueFd()};
  std::size_t sent = 0;

 private:
  std::string path_ = testing::TempDir() + "evloopd-slow-" + std::to_string(::getpid()) + ".sock";
  Backend upstream_{SocketAddress::unix_path(path_)};
};

TEST_F(SlowReaderTest, HasNoMoreThanTheBufferHeldForIt) {
  fill(4 * 1024);
  EXPECT_GT(held(), limit);  // or this has tested nothing
  EXPECT_TRUE(turn_until([&] { return server.has_received(sent); }));
  EXPECT_EQ(server.received, std::string(sent, 'x'));
}

TEST_F(SlowReaderTest, OfBulkDataHasItHeldInAPipe) {
  warm_up_in_bulk();
  const auto before = pipes();  // with the one that serves all who keep up
  fill(64 * 1024);
  EXPECT_LE(held(), limit);
  EXPECT_GT(held(), 0U);
  EXPECT_EQ(pipes(), before);
  EXPECT_TRUE(turn_until([&] { return server.has_received(sent); }));
  EXPECT_EQ(server.received, std::string(sent, 'x'));
}

TEST_F(SlowReaderTest, OfBulkDataThatResetsTakesTheRestAlong) {
  warm_up_in_bulk();
  const auto before = pipes();  // with the one that serves all who keep up
  fill(64 * 1024);
  server.reset();
  EXPECT_TRUE(turn_until([&] { return client.error() == ECONNRESET; }));
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_EQ(pipes(), before - 2);
}

TEST_F(SlowReaderTest, OfBulkDataMayBeAborted) {
  warm_up_in_bulk();
  const auto before = pipes();  // with the one that serves all who keep up
  fill(64 * 1024);
  on_loop([&] { share_->abort(); });
  turn(3);
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_TRUE(server.is_gone());
  EXPECT_EQ(pipes(), before - 2);
}

TEST_F(TcpProxyTest, CopiesBulkDataWhenThereAreNoDescriptorsForAPipe) {
  Backend upstream;
  auto [client, server] = tunnel_to(upstream);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const std::string data(2'000'000, 'x');
  std::size_t sent = 0;
  EXPECT_TRUE(turn_until([&] {
    sent += client.try_send(std::string_view(data).substr(sent));
    return server.has_received(data.size());
  }));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(server.received, data);
}

TEST_F(TcpProxyTest, TakesUpstreamsInTurn) {
  Backend first;
  Backend second;
  start_to({first.address(), second.address()});
  for (auto* upstream : {&first, &second, &first}) {
    auto client = connect();
    auto server = accept(*upstream);
    server.send("hi");
    EXPECT_TRUE(gets(client, "hi"));
  }
}

TEST_F(TcpProxyTest, GoesToTheUpstreamWithTheFewestClients) {
  Backend first;
  Backend second;
  start_to({first.address(), second.address()}, {.upstreams = {.balance = Balance::least_conn}});
  auto a = connect();
  auto at_first = accept(first);
  auto b = connect();
  auto at_second = accept(second);
  auto c = connect();
  auto also_at_first = accept(first);
  b.close();
  at_second.close();
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 2; }));
  for (int i = 0; i < 2; ++i) {
    auto next = connect();
    accept(second);
    next.close();
    EXPECT_TRUE(turn_until([&] { return share_->connections() == 2; }));
  }
}

// --- upstreams that fail ---

TEST_F(TcpProxyTest, TriesAnotherUpstreamWhenOneIsDead) {
  Backend dead;
  Backend alive;
  dead.stop();
  start_to({dead.address(), alive.address()});
  for (int i = 0; i < 3; ++i) {
    auto client = connect();
    client.send("are you there?");
    auto server = accept(alive);
    EXPECT_TRUE(gets(server, "are you there?"));
  }
  EXPECT_EQ(counters().connections_failed, 0U);
  EXPECT_THAT(log(), testing::ElementsAre(
                         testing::AllOf(testing::HasSubstr(dead.address()), testing::HasSubstr("Connection refused"))));
}

TEST_F(TcpProxyTest, ClosesAndCountsAClientWhenAllUpstreamsAreDead) {
  Backend first;
  Backend second;
  first.stop();
  second.stop();
  start_to({first.address(), second.address(), "unix:/nowhere/at/all.sock"},
           {.upstreams = {.ejection = {.failures = 0}}});
  for (int i = 1; i <= 3; ++i) {
    auto client = connect();
    EXPECT_TRUE(turn_until([&] { return client.is_gone(); }));
    EXPECT_EQ(counters().connections_failed, static_cast<unsigned>(i));
    EXPECT_EQ(share_->connections(), 0U);
  }
  EXPECT_EQ(counters().connections_total, 3U);
  EXPECT_EQ(log().size(), 3U);  // once for each upstream
  clock_.advance(60s);
  auto client = connect();
  EXPECT_TRUE(turn_until([&] { return client.is_gone(); }));
  EXPECT_EQ(log().size(), 6U);
}

TEST_F(TcpProxyTest, TriesSoManyUpstreamsAndNotMore) {
  Backend dead[2];
  Backend alive;
  for (auto& upstream : dead) upstream.stop();
  start_to({dead[0].address(), dead[1].address(), alive.address()}, {.upstreams = {.connect_attempts = 2}});
  auto client = connect();
  EXPECT_TRUE(turn_until([&] { return client.is_gone(); }));
  EXPECT_EQ(counters().connections_failed, 1U);
}

TEST_F(TcpProxyTest, TellsThePoolOfUpstreamsThatResetBeforeTheyAnswer) {
  Backend first;
  Backend second;
  start_to({first.address(), second.address()}, {.upstreams = {.ejection = {.resets = 1}}});
  auto client = connect();
  auto server = accept(first);
  server.send("hello");
  EXPECT_TRUE(gets(client, "hello"));
  server.reset();
  EXPECT_TRUE(turn_until([&] { return client.error() == ECONNRESET; }));
  EXPECT_TRUE(log().empty()) << "it had answered";
  auto another = connect();
  auto unanswered = accept(second);
  unanswered.reset();
  EXPECT_TRUE(turn_until([&] { return another.error() == ECONNRESET; }));
  EXPECT_THAT(log(), testing::ElementsAre(testing::HasSubstr(second.address() + " is ejected")));
}

TEST_F(TcpProxyTest, SendsAClientToTheSameUpstreamByItsAddress) {
  Backend first;
  Backend second;
  for (const auto how : {Balance::source_hash, Balance::consistent_hash}) {
    start_to({first.address(), second.address()}, {.upstreams = {.balance = how}});
    std::vector<Peer> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(connect());
    turn(5);
    int at_first = 0;
    while (first.try_accept()) ++at_first;
    EXPECT_THAT(at_first, testing::AnyOf(0, 4));
    while (second.try_accept()) ++at_first;
    EXPECT_EQ(at_first, 4);
  }
}

TEST_F(TcpProxyTest, GivesUpAnUpstreamThatDoesNotAnswerInTime) {
  const BusyUpstream busy;
  Backend alive;
  start_to({busy.address(), alive.address()}, {.upstreams = {.connect_timeout = 5s}});
  auto client = connect();
  client.send("hello?");
  pass(4s);
  EXPECT_FALSE(alive.try_accept());
  EXPECT_EQ(share_->connections(), 1U);
  pass(1s);
  auto server = accept(alive);
  EXPECT_TRUE(gets(server, "hello?"));
  EXPECT_THAT(log(), testing::ElementsAre(testing::HasSubstr("Connection timed out")));
}

// --- the end ---

TEST_F(TcpProxyTest, GoesOnDuringADrain) {
  Backend upstream;
  start_to({upstream.address()});
  auto client = connect();
  on_loop([&] { share_->drain(); });
  auto server = accept(upstream);
  pass(10s);
  server.send("still here");
  EXPECT_TRUE(gets(client, "still here"));
  EXPECT_EQ(share_->connections(), 1U);
}

TEST_F(TcpProxyTest, CutsEverythingOnAbort) {
  const BusyUpstream busy;
  Backend upstream;
  start_to({upstream.address(), busy.address()});
  auto client = connect();
  auto server = accept(upstream);
  auto waiting = connect();
  turn();
  EXPECT_EQ(share_->connections(), 2U);
  on_loop([&] { share_->abort(); });
  turn(3);
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_TRUE(client.is_gone());
  EXPECT_TRUE(server.is_gone());
  EXPECT_TRUE(waiting.is_gone());
  EXPECT_EQ(counters().connections_failed, 0U);
}

TEST_F(TcpProxyTest, MayGoWithConnectionsOpen) {
  const BusyUpstream busy;
  Backend upstream;
  start_to({upstream.address(), busy.address()});
  auto client = connect();
  auto server = accept(upstream);
  auto waiting = connect();
  share_.reset();
  EXPECT_EQ(counters().connections_open, 0U);
  turn(3);
  EXPECT_TRUE(client.is_gone());
  EXPECT_TRUE(server.is_gone());
  EXPECT_TRUE(waiting.is_gone());
}

TEST_F(TcpProxyTest, OutlivesALoopThatClosesFirst) {
  Backend upstream;
  auto [client, server] = tunnel_to(upstream);
  loop_.close();
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_TRUE(client.is_gone());
  EXPECT_TRUE(server.is_gone());
}

TEST(TcpProxy, RefusesAnUpstreamThatIsNoAddress) {
  for (const char* address : {"localhost:80", "127.0.0.1", "", "127.0.0.1:99999", "unix:"})
    EXPECT_THROW(TcpProxy(TcpProxyOptions{.upstreams = {.list = {{address}}}}), evloop::ValueError) << address;
}

}  // namespace
}  // namespace evloopd::workloads
