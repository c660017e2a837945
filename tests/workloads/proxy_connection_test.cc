// What tcp.proxy does about a client's connection besides relaying: times, limits, who it says it is, and what is
// written down at its end.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "workloads/proxy/access_log.h"
#include "workloads/proxy_test.h"
#include "workloads/tcp_proxy.h"

namespace evloopd::workloads {
namespace {

using namespace std::string_literals;

class ProxyConnectionTest : public TcpProxyTest {
 protected:
  void start_with(ConnectionOptions connection) {
    TcpProxyOptions options;
    options.connection = std::move(connection);
    start_to({upstream_.address()}, std::move(options));
  }
  // By reason, those that there were.
  std::map<std::string, std::uint64_t> ends() {
    std::map<std::string, std::uint64_t> found;
    for (const auto& [name, count] : workload_->ends())
      if (count > 0) found.emplace(name, count);
    return found;
  }
  static std::map<std::string, std::uint64_t> once(const std::string& reason) { return {{reason, 1}}; }
  bool is_over(Peer& client) {
    EXPECT_TRUE(turn_until([&] { return client.is_gone() && share_->connections() == 0; }));
    return share_->connections() == 0;
  }

  Backend upstream_;
};

// --- times ---

class ProxyTimesTest : public ProxyConnectionTest {
 protected:
  void start_with(const ProxyTimeouts& timeouts) {
    ProxyConnectionTest::start_with({.timeouts = timeouts});
    client = connect();
    server = accept(upstream_);
  }
  // In steps, as a loop does that has other things to do.
  void pass_slowly(evloop::Duration time) {
    for (auto left = time; left > 0ns; left -= 250ms) pass(250ms);
  }
  Peer client{UniqueFd()};
  Peer server{UniqueFd()};
};

TEST_F(ProxyTimesTest, EndWhoIsIdle) {
  start_with({.idle = 60s});
  pass_slowly(59s);
  EXPECT_FALSE(client.is_gone());
  pass_slowly(6s);
  EXPECT_TRUE(is_over(client));
  EXPECT_TRUE(server.is_gone());
  EXPECT_EQ(ends(), once("idle_timeout"));
}

TEST_F(ProxyTimesTest, CountAnewFromEachByteEitherWay) {
  start_with({.idle = 60s});
  for (int i = 0; i < 5; ++i) {
    pass_slowly(55s);
    client.send("x");
    turn(2);
    pass_slowly(55s);
    server.send("y");
    turn(2);
  }
  EXPECT_FALSE(client.is_gone());
  pass_slowly(80s);  // a quarter late at most, and a tick
  EXPECT_TRUE(is_over(client));
  EXPECT_EQ(ends(), once("idle_timeout"));
}

TEST_F(ProxyTimesTest, AreOthersForOneSideOnly) {
  start_with({.idle = 1h, .half_close = 8s});
  pass_slowly(60s);
  client.send_eof();
  pass_slowly(7s);
  EXPECT_FALSE(client.is_gone());
  pass_slowly(4s);
  EXPECT_TRUE(is_over(client));
  EXPECT_EQ(ends(), once("half_close_timeout"));
}

TEST_F(ProxyTimesTest, EndAnUpstreamThatNeverSaysAnything) {
  start_with({.first_byte = 5s});
  client.send("hello?");
  pass_slowly(4s);
  EXPECT_FALSE(client.is_gone());
  pass_slowly(2s);
  EXPECT_TRUE(is_over(client));
  EXPECT_EQ(ends(), once("first_byte_timeout"));
}

TEST_F(ProxyTimesTest, LeaveAnUpstreamAloneThatHasSpoken) {
  start_with({.first_byte = 5s});
  server.send("220 ready");
  pass_slowly(60s);
  EXPECT_FALSE(client.is_gone());
}

TEST_F(ProxyTimesTest, EndEvenThoseWhoAreBusy) {
  start_with({.lifetime = 10s});
  for (int i = 0; i < 9; ++i) {
    client.send("x");
    pass_slowly(1s);
  }
  EXPECT_FALSE(client.is_gone());
  pass_slowly(2s);
  EXPECT_TRUE(is_over(client));
  EXPECT_EQ(ends(), once("lifetime"));
}

TEST_F(ProxyTimesTest, MayBeNone) {
  start_with({.greeting = 0s, .idle = 0s, .half_close = 0s});
  pass(24h);
  client.send("still here");
  EXPECT_TRUE(gets(server, "still here"));
}

// --- reasons ---

TEST_F(ProxyConnectionTest, EndsWithWhoClosedFirst) {
  start_with({});
  {
    auto client = connect();
    auto server = accept(upstream_);
    client.close();
    EXPECT_TRUE(turn_until([&] { return server.has_ended(); }));
    server.close();
    EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
    EXPECT_EQ(ends(), once("client_closed"));
  }
  auto client = connect();
  auto server = accept(upstream_);
  server.close();
  EXPECT_TRUE(turn_until([&] { return client.has_ended(); }));
  client.close();
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
  EXPECT_EQ(ends().at("upstream_closed"), 1U);
}

TEST_F(ProxyConnectionTest, EndsWithWhoReset) {
  start_with({});
  {
    auto client = connect();
    auto server = accept(upstream_);
    client.reset();
    EXPECT_TRUE(turn_until([&] { return server.error() == ECONNRESET; }));
  }
  EXPECT_EQ(ends(), once("client_reset"));
  auto client = connect();
  auto server = accept(upstream_);
  server.reset();
  EXPECT_TRUE(turn_until([&] { return client.error() == ECONNRESET; }));
  EXPECT_EQ(ends().at("upstream_reset"), 1U);
}

TEST_F(ProxyConnectionTest, EndsWithWhyItHasNoUpstream) {
  start_with({});
  upstream_.stop();
  auto client = connect();
  EXPECT_TRUE(is_over(client));
  EXPECT_EQ(ends(), once("connect_failed"));
  const BusyUpstream busy;
  start_to({busy.address()}, {.upstreams = {.connect_timeout = 1s}});
  auto other = connect();
  pass(1s);
  EXPECT_TRUE(is_over(other));
  EXPECT_EQ(ends(), once("connect_timeout"));
}

TEST_F(ProxyConnectionTest, EndsAsAbortedOrAfterADrainAsDrained) {
  start_with({});
  auto client = connect();
  auto server = accept(upstream_);
  on_loop([&] { share_->abort(); });
  EXPECT_TRUE(is_over(client));
  EXPECT_EQ(ends(), once("aborted"));
  auto other = connect();
  auto other_server = accept(upstream_);
  on_loop([&] { share_->drain(); });
  on_loop([&] { share_->abort(); });
  EXPECT_TRUE(is_over(other));
  EXPECT_EQ(ends().at("drained"), 1U);
}

// --- who may come ---

TEST_F(ProxyConnectionTest, IsRefusedByAddress) {
  start_with({.access = {.deny = {"127.0.0.0/8"}}});
  auto client = connect();
  EXPECT_TRUE(is_over(client));
  EXPECT_FALSE(upstream_.try_accept());
  EXPECT_EQ(ends(), once("access_denied"));
  EXPECT_EQ(counters().connections_total, 0U);
}

TEST_F(ProxyConnectionTest, IsRefusedWhenThereAreEnough) {
  start_with({.limits = {.connections = 1}});
  auto first = connect();
  auto server = accept(upstream_);
  auto second = connect();
  EXPECT_TRUE(turn_until([&] { return second.is_gone(); }));
  EXPECT_EQ(ends(), once("connection_limit"));
  server.close();
  first.close();
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
  auto third = connect();
  accept(upstream_).send("welcome");
  EXPECT_TRUE(gets(third, "welcome"));
}

TEST_F(ProxyConnectionTest, IsRefusedWhenThereAreEnoughFromWhereItComes) {
  start_with({.limits = {.per_source = 1}});
  auto first = connect();
  auto second = connect();
  EXPECT_TRUE(turn_until([&] { return second.is_gone(); }));
  EXPECT_EQ(ends(), once("source_limit"));
}

TEST_F(ProxyConnectionTest, IsRefusedWhenTooManyComeAtOnce) {
  start_with({.limits = {.accept_rate = 2}});
  auto first = connect();
  auto second = connect();
  auto third = connect();
  EXPECT_TRUE(turn_until([&] { return third.is_gone(); }));
  EXPECT_EQ(ends(), once("accept_rate"));
  pass(500ms);
  auto fourth = connect();
  turn(3);
  EXPECT_FALSE(fourth.is_gone());
}

// --- the PROXY protocol ---

TEST_F(ProxyConnectionTest, SaysByItsHeaderWhereItComesFrom) {
  start_with({.access = {.deny = {"192.0.2.0/24"}}, .proxy_protocol = {.from = {"127.0.0.0/8"}}});
  auto client = connect();
  client.send("PROXY TCP4 198.51.100.1 203.0.113.1 1000 80\r\nhello");
  auto server = accept(upstream_);
  EXPECT_TRUE(gets(server, "hello"));
  auto denied = connect();
  denied.send("PROXY TCP4 192.0.2.1 203.0.113.1 1000 80\r\nhello");
  EXPECT_TRUE(turn_until([&] { return denied.is_gone(); }));
  EXPECT_EQ(ends(), once("access_denied"));
  EXPECT_EQ(share_->connections(), 1U);
}

TEST_F(ProxyConnectionTest, MaySendItsHeaderByteByByte) {
  start_with({.proxy_protocol = {.from = {"127.0.0.1"}}});
  auto client = connect();
  for (const char c : "PROXY TCP4 198.51.100.1 203.0.113.1 1000 80\r\nhello"s) {
    client.send({&c, 1});
    turn(2);
  }
  auto server = accept(upstream_);
  EXPECT_TRUE(gets(server, "hello"));
}

TEST_F(ProxyConnectionTest, IsEndedIfItsHeaderIsNone) {
  start_with({.proxy_protocol = {.from = {"127.0.0.1"}}});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\n");
  EXPECT_TRUE(is_over(client));
  EXPECT_EQ(ends(), once("bad_proxy_header"));
}

TEST_F(ProxyConnectionTest, IsEndedIfItsHeaderDoesNotComeInTime) {
  start_with({.timeouts = {.greeting = 3s}, .proxy_protocol = {.from = {"127.0.0.1"}}});
  auto client = connect();
  client.send("PROXY TCP4 ");
  pass(2s);
  EXPECT_FALSE(client.is_gone());
  pass(1s);
  EXPECT_TRUE(is_over(client));
  EXPECT_EQ(ends(), once("greeting_timeout"));
}

TEST_F(ProxyConnectionTest, IsNotAskedForAHeaderIfItComesFromElsewhere) {
  start_with({.proxy_protocol = {.from = {"10.0.0.0/8"}}});
  auto client = connect();
  client.send("PROXY TCP4 198.51.100.1 203.0.113.1 1000 80\r\n");
  auto server = accept(upstream_);
  EXPECT_TRUE(gets(server, "PROXY TCP4 198.51.100.1 203.0.113.1 1000 80\r\n"));
}

TEST_F(ProxyConnectionTest, MayLeaveBeforeItHasAnUpstream) {
  start_with({.proxy_protocol = {.from = {"127.0.0.1"}}});
  {
    auto client = connect();
    turn(2);
  }
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
  EXPECT_EQ(ends(), once("client_left"));
  auto cut = connect();
  on_loop([&] { share_->abort(); });
  EXPECT_TRUE(is_over(cut));
  EXPECT_EQ(ends().at("aborted"), 1U);
}

TEST_F(ProxyConnectionTest, IsToldToTheUpstreamByAHeader) {
  start_with({.proxy_protocol = {.from = {"127.0.0.1"}, .send = ProxyHeaderVersion::v1}});
  auto client = connect();
  const auto header = "PROXY TCP4 198.51.100.1 203.0.113.1 1000 80\r\n"s;
  client.send("PROXY TCP4 198.51.100.1 203.0.113.1 1000 80\r\nhello");
  auto server = accept(upstream_);
  EXPECT_TRUE(gets(server, header + "hello"));
}

TEST_F(ProxyConnectionTest, IsToldToTheUpstreamInVersion2) {
  start_with({.proxy_protocol = {.send = ProxyHeaderVersion::v2}});
  auto client = connect();
  client.send("hello");
  auto server = accept(upstream_);
  EXPECT_TRUE(turn_until([&] { return server.has_received(28 + 5); }));
  EXPECT_EQ(server.received.substr(0, 16), "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"s);
  EXPECT_EQ(server.received.substr(28), "hello");
}

// --- the access log ---

class AccessLogTest : public ProxyConnectionTest {
 protected:
  AccessLogTest() { ::unlink(path_.c_str()); }
  ~AccessLogTest() override { ::unlink(path_.c_str()); }

  // What is in the file once everything is gone that writes to it.
  std::vector<nlohmann::json> lines() {
    share_.reset();
    workload_.reset();
    std::vector<nlohmann::json> lines;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  const std::string path_ = testing::TempDir() + "evloopd-access-" + std::to_string(::getpid()) + ".log";
};

TEST_F(AccessLogTest, HasALineForEachConnection) {
  start_with({.access_log = {.path = path_}});
  share_->introduce({.workload = "web", .loop = "io-0"});
  for (int i = 0; i < 3; ++i) {
    auto client = connect();
    auto server = accept(upstream_);
    pass(250ms);
    client.send("question");
    EXPECT_TRUE(gets(server, "question"));
    server.send("the answer");
    EXPECT_TRUE(gets(client, "the answer"));
    pass(750ms);
    client.close();
    EXPECT_TRUE(turn_until([&] { return server.has_ended(); }));
    server.close();
    EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
  }
  const auto all = lines();
  ASSERT_EQ(all.size(), 3U);
  const auto& line = all[1];
  EXPECT_EQ(line.at("workload"), "web");
  EXPECT_EQ(line.at("loop"), "io-0");
  EXPECT_EQ(line.at("upstream"), upstream_.address());
  EXPECT_EQ(line.at("bytes_in"), 8);
  EXPECT_EQ(line.at("bytes_out"), 10);
  EXPECT_EQ(line.at("connect_seconds"), 0.0);
  EXPECT_EQ(line.at("first_byte_seconds"), 0.25);
  EXPECT_EQ(line.at("total_seconds"), 1.0);
  EXPECT_EQ(line.at("reason"), "client_closed");
  EXPECT_TRUE(line.at("client").get<std::string>().starts_with("127.0.0.1:"));
  EXPECT_TRUE(line.at("listener").get<std::string>().starts_with("127.0.0.1:"));
  EXPECT_EQ(line.at("time").get<std::string>().size(), std::string("2026-01-02T03:04:05.678901Z").size());
  EXPECT_FALSE(line.contains("tls_version"));
}

TEST_F(AccessLogTest, SaysWhatThePROXYHeaderSaid) {
  start_with({.proxy_protocol = {.from = {"127.0.0.1"}}, .access_log = {.path = path_}});
  auto client = connect();
  client.send(
      "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x1b\x0a\0\0\x01\x0a\0\0\x02\x10\0\0\x50\x02\0\x0c"
      "a\"\n.example\xff"s);
  auto server = accept(upstream_);
  on_loop([&] { share_->abort(); });
  EXPECT_TRUE(is_over(client));
  const auto all = lines();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].at("client"), "10.0.0.1:4096");
  EXPECT_EQ(all[0].at("listener"), "10.0.0.2:80");
  EXPECT_TRUE(all[0].at("proxy").get<std::string>().starts_with("127.0.0.1:"));
  EXPECT_EQ(all[0].at("tls_server_name"), "a\"\n.example\u00ff");
  EXPECT_EQ(all[0].at("reason"), "aborted");
}

TEST_F(AccessLogTest, SaysWhoWasRefused) {
  start_with({.access = {.deny = {"127.0.0.1"}}, .access_log = {.path = path_}});
  auto client = connect();
  EXPECT_TRUE(is_over(client));
  const auto all = lines();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].at("reason"), "access_denied");
  EXPECT_FALSE(all[0].contains("upstream"));
}

TEST_F(AccessLogTest, HasThoseThatWereOpenWhenTheShareWent) {
  start_with({.access_log = {.path = path_}});
  auto client = connect();
  auto server = accept(upstream_);
  const auto all = lines();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].at("reason"), "aborted");
}

TEST_F(AccessLogTest, IsRefusedWhereNoFileCanBe) {
  EXPECT_THROW(TcpProxy(TcpProxyOptions{.connection = {.access_log = {.path = "/dev/null/access.log"}}}),
               std::system_error);
}

// A pipe that nobody reads stands for a disk that hangs.
TEST(AccessLog, DropsAndCountsWhatComesFasterThanItIsWritten) {
  const auto path = testing::TempDir() + "evloopd-hanging-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK));
  {
    AccessLog log(path);
    const std::string lines(16 * 1024, 'x');
    for (std::size_t i = 0; i < 2 * AccessLog::most_batches; ++i) log.write(lines, 10);
    EXPECT_GE(log.dropped(), 10 * (AccessLog::most_batches - 10));
    std::array<char, 65536> buffer;
    std::size_t got = 0;
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    const auto wanted = (2 * AccessLog::most_batches - log.dropped() / 10) * lines.size();
    while (got < wanted && std::chrono::steady_clock::now() < deadline) {
      pollfd readable{.fd = reader.get(), .events = POLLIN, .revents = 0};
      ::poll(&readable, 1, 100);
      if (const auto count = ::read(reader.get(), buffer.data(), buffer.size()); count > 0)
        got += static_cast<std::size_t>(count);
    }
    EXPECT_EQ(got, wanted);
  }
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace evloopd::workloads
