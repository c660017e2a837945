#include "workloads/checks/checker.h"

#include <filesystem>
#include <fstream>

#include "aio/errors.h"
#include "net/net_test.h"
#include "net/streams.h"
#include "net/tls/certificates.h"
#include "net/tls/tls.h"
#include "support/processes.h"
#include "workloads/checks/http_check.h"
#include "workloads/checks/http_reply.h"
#include "workloads/dns/name_server.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using evloop::SocketAddress;
using testing::HasSubstr;
using testing::StartsWith;

class CheckTest : public evloop::NetTest {
 protected:
  // A server that sends `reply` when it has got anything, or at once if `speaks_first`, and closes.
  SocketAddress serve(std::string reply, evloop::ServerOptions options = {}, bool speaks_first = false) {
    auto server = run(evloop::start_server(
        [this, reply = std::move(reply), speaks_first](evloop::StreamReader& reader,
                                                       evloop::StreamWriter& writer) -> evloop::Coro<void> {
          if (!speaks_first) asked_ = evloop::text(co_await reader.read(4096));
          writer.write(reply);
          writer.close();
        },
        SocketAddress::parse("127.0.0.1:0"), std::move(options)));
    const auto address = server.sockets().at(0).address;
    servers_.push_back(std::move(server));
    return address;
  }
  // What a check says: what speaks for the upstream, or "! " and what speaks against it.
  std::string outcome(const CheckOptions& options, const SocketAddress& address) {
    const Checker checker(options);
    try {
      return run(checker.run(address));
    } catch (const std::exception& error) {
      return std::string("! ") + error.what();
    }
  }
  ~CheckTest() override {
    for (auto& server : servers_) server.close();
    turn(5);
  }

  std::string asked_;
  std::vector<evloop::Server> servers_;
};

SocketAddress nobody() {
  const auto listener = evloop::listen_stream_socket(SocketAddress::parse("127.0.0.1:0"));
  return SocketAddress::local(listener.get());
}

TEST_F(CheckTest, TcpPassesIfItConnects) {
  EXPECT_EQ(outcome({.kind = CheckKind::tcp}, serve("")), "connected");
  EXPECT_THAT(outcome({.kind = CheckKind::tcp}, nobody()), HasSubstr("Connection refused"));
}

TEST_F(CheckTest, AnotherPortMayBeChecked) {
  const auto healthy = serve("");
  EXPECT_EQ(outcome({.kind = CheckKind::tcp, .port = healthy.port()}, nobody()), "connected");
  EXPECT_EQ(check_address(SocketAddress::parse("[::1]:80"), 81).to_string(), "[::1]:81");
  EXPECT_EQ(check_address(SocketAddress::parse("unix:/x"), 81).to_string(), "unix:/x");
}

TEST_F(CheckTest, HttpPassesByItsStatus) {
  const CheckOptions options{.kind = CheckKind::http, .path = "/healthz", .host = "app.internal"};
  EXPECT_EQ(outcome(options, serve("HTTP/1.1 204 No Content\r\n\r\n")), "status 204");
  EXPECT_THAT(asked_, StartsWith("GET /healthz HTTP/1.1\r\nHost: app.internal\r\n"));
  EXPECT_EQ(outcome(options, serve("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\n\r\n")), "status 302");
  EXPECT_EQ(outcome(options, serve("HTTP/1.0 500 Oh\r\n\r\n")), "! status 500");
}

TEST_F(CheckTest, HttpPassesByItsHeaderAndBody) {
  const auto says = [](const std::string& rest) { return "HTTP/1.1 200 OK\r\nX-State:  ready\r\n" + rest; };
  const CheckOptions header{.kind = CheckKind::http, .header = "x-state: ready"};
  EXPECT_EQ(outcome(header, serve(says("\r\n"))), "status 200");
  EXPECT_THAT(outcome(header, serve("HTTP/1.1 200 OK\r\nX-State: no\r\n\r\n")), StartsWith("! status 200 without"));
  const CheckOptions body{.kind = CheckKind::http, .body = "all well"};
  EXPECT_EQ(outcome(body, serve(says("\r\n... all well"))), "status 200");
  EXPECT_EQ(outcome(body, serve(says("Transfer-Encoding: chunked\r\n\r\n4\r\nall \r\n4\r\nwell\r\n0\r\n\r\n"))),
            "status 200");
  EXPECT_THAT(outcome(body, serve(says("Content-Length: 2\r\n\r\nno"))), StartsWith("! status 200, and the body"));
  EXPECT_THAT(outcome(body, serve(says("\r\n" + std::string(200'000, 'x') + "all well"))),
              StartsWith("! status 200, and the body"))
      << "only the first 64 KiB count";
}

TEST_F(CheckTest, HttpFailsWithoutAWholeAnswer) {
  const CheckOptions options{.kind = CheckKind::http};
  EXPECT_EQ(outcome(options, serve("")), "! the connection ended before an answer");
  EXPECT_EQ(outcome(options, serve("SSH-2.0-OpenSSH\r\n")), "! the answer is no HTTP");
  EXPECT_THAT(outcome(options, serve("HTTP/1.1 200 OK\r\nX-St")), StartsWith("! "));
  EXPECT_THAT(outcome({.kind = CheckKind::http, .body = "x"}, serve("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")),
              StartsWith("! the answer ended early"));
  EXPECT_THAT(outcome(options, serve("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'))), StartsWith("! "));
}

TEST_F(CheckTest, AnAnswerToAHeadHasNoBody) {
  HttpReply reply(true);
  reply.feed(evloop::bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
  EXPECT_TRUE(reply.is_complete());
}

TEST(Statuses, AreNumbersAndClasses) {
  EXPECT_TRUE(status_fits(204, {"200", "204"}));
  EXPECT_TRUE(status_fits(204, {"2xx"}));
  EXPECT_FALSE(status_fits(304, {"2xx", "30x"}));
}

TEST_F(CheckTest, TlsPassesIfTheCertificateCanBeTrusted) {
  const evloop::TestCa ca;
  const auto [certificate, key] = ca.issue("app", "DNS:app.internal");
  const auto context = evloop::TlsContext::server(
      {.identity = {.certificate_chain = evloop::Pem::text(certificate), .private_key = evloop::Pem::text(key)}});
  const auto address = serve("HTTP/1.1 200 OK\r\n\r\n", {.tls = evloop::tls_server({.context = context})});
  const auto file = std::filesystem::path(testing::TempDir()) / ("evloopd-ca-" + std::to_string(::getpid()) + ".pem");
  std::ofstream(file) << ca.certificate();
  const CheckTls good{.server_name = "app.internal", .ca = file};
  const CheckTls wrong_name{.server_name = "other.internal", .ca = file};
  EXPECT_EQ(outcome({.kind = CheckKind::tls, .tls_options = good}, address), "TLS handshake done");
  EXPECT_THAT(outcome({.kind = CheckKind::tls, .tls_options = wrong_name}, address), StartsWith("! "));
  EXPECT_THAT(outcome({.kind = CheckKind::tls, .tls_options = {.server_name = "app.internal"}}, address),
              StartsWith("! "))
      << "the system does not trust it";
  EXPECT_EQ(outcome({.kind = CheckKind::tls, .tls_options = {.verify = false}}, address), "TLS handshake done");
  const CheckOptions https{.kind = CheckKind::http, .tls = true, .tls_options = {.ca = file}, .host = "app.internal"};
  EXPECT_EQ(outcome(https, address), "status 200") << "the name is the host's";
  std::filesystem::remove(file);
}

// A host is looked up each time: another answer is another server.
TEST_F(CheckTest, AHostIsCheckedByItsName) {
  NameServer names(loop_);
  const auto address = serve("HTTP/1.1 200 OK\r\n\r\n");
  const Checker checker({.kind = CheckKind::http}, {names.address()});
  const CheckTarget target{.host = "app.internal", .port = address.port()};
  const auto said = [&] {
    try {
      return run(checker.run(target));
    } catch (const std::exception& error) {
      return std::string("! ") + error.what();
    }
  };
  EXPECT_EQ(said(), "! app.internal: Domain name not found");
  names.add("app.internal", SocketAddress::ip("127.0.0.1", 0), 300);
  EXPECT_EQ(said(), "status 200");
  EXPECT_THAT(asked_, StartsWith("GET / HTTP/1.1\r\nHost: app.internal:" + std::to_string(address.port()) + "\r\n"));
  names.forget("app.internal");
  EXPECT_EQ(said(), "! app.internal: Domain name not found");
}

TEST_F(CheckTest, TheCertificateOfAHostIsForItsName) {
  NameServer names(loop_);
  names.add("app.internal", SocketAddress::ip("127.0.0.1", 0), 300);
  names.add("other.internal", SocketAddress::ip("127.0.0.1", 0), 300);
  const evloop::TestCa ca;
  const auto [certificate, key] = ca.issue("app", "DNS:app.internal");
  const auto context = evloop::TlsContext::server(
      {.identity = {.certificate_chain = evloop::Pem::text(certificate), .private_key = evloop::Pem::text(key)}});
  const auto port = serve("", {.tls = evloop::tls_server({.context = context})}).port();
  const auto file = std::filesystem::path(testing::TempDir()) / ("evloopd-name-" + std::to_string(::getpid()) + ".pem");
  std::ofstream(file) << ca.certificate();
  const Checker checker({.kind = CheckKind::tls, .tls_options = {.ca = file}}, {names.address()});
  EXPECT_EQ(run(checker.run(CheckTarget{.host = "app.internal", .port = port})), "TLS handshake done");
  EXPECT_ANY_THROW(run(checker.run(CheckTarget{.host = "other.internal", .port = port})));
  std::filesystem::remove(file);
}

TEST_F(CheckTest, DnsPassesByItsAnswers) {
  NameServer names(loop_);
  names.add("app.internal", SocketAddress::ip("10.0.0.2", 0), 300);
  names.add("app.internal", SocketAddress::ip("10.0.0.1", 0), 300);
  names.add("app.internal", SocketAddress::ip("2001:db8::1", 0), 300);
  const auto server = SocketAddress::parse(names.address());
  CheckOptions options{.kind = CheckKind::dns, .query = "app.internal"};
  EXPECT_EQ(outcome(options, server), "answers 10.0.0.1, 10.0.0.2");
  options.answers = {"10.0.0.2", "10.0.0.1"};
  EXPECT_EQ(outcome(options, server), "answers 10.0.0.1, 10.0.0.2") << "in any order";
  options.answers = {"10.0.0.2"};
  EXPECT_EQ(outcome(options, server), "! answers 10.0.0.1, 10.0.0.2 instead of 10.0.0.2");
  options.answers = {};
  options.type = DnsType::aaaa;
  EXPECT_EQ(outcome(options, server), "answers 2001:db8::1");
  options.type = DnsType::mx;
  EXPECT_THAT(outcome(options, server), StartsWith("! app.internal: "));
  options.query = "nobody.internal";
  EXPECT_EQ(outcome(options, server), "! nobody.internal: Domain name not found");
}

TEST_F(CheckTest, ANameServerThatIsSilentFails) {
  NameServer names(loop_);
  names.fall_silent();
  EXPECT_THAT(outcome({.kind = CheckKind::dns, .timeout = 50ms, .query = "app.internal"},
                      SocketAddress::parse(names.address())),
              testing::AnyOf("! app.internal: Timeout while contacting DNS servers", "! no answer within 50 ms"));
}

TEST_F(CheckTest, ExpectPassesByWhatComes) {
  const CheckOptions redis{.kind = CheckKind::expect, .send = "PING\r\n", .expect = "+PONG"};
  EXPECT_EQ(outcome(redis, serve("+PONG\r\n")), "it answers as expected");
  EXPECT_EQ(asked_, "PING\r\n");
  EXPECT_EQ(outcome(redis, serve("-LOADING\r\n")), "! what it sent, 10 bytes, does not hold what was expected");
  EXPECT_EQ(outcome({.kind = CheckKind::expect, .expect = "SSH-2.0"}, serve("SSH-2.0-x\r\n", {}, true)),
            "it answers as expected");
}

TEST_F(CheckTest, ExecPassesByTheExitStatus) {
  const auto exec = [&](const std::string& script) {
    return outcome({.kind = CheckKind::exec, .command = {"/bin/sh", "-c", script}},
                   SocketAddress::parse("127.0.0.1:80"));
  };
  EXPECT_EQ(exec("exit 0"), "the program exited with 0");
  EXPECT_EQ(exec("exit 3"), "! the program exited with 3");
  EXPECT_EQ(exec("kill -9 $$"), "! the program was ended by signal 9");
  EXPECT_EQ(exec("test $EVLOOPD_UPSTREAM_HOST:$EVLOOPD_UPSTREAM_PORT = $EVLOOPD_UPSTREAM"),
            "the program exited with 0");
  EXPECT_THAT(outcome({.kind = CheckKind::exec, .command = {"/no/such/program"}}, nobody()), HasSubstr("/no/such"));
}

// What a check started itself goes too.
TEST_F(CheckTest, ExecKillsWhatTakesTooLong) {
  const auto file = std::filesystem::path(testing::TempDir()) / ("evloopd-check-" + std::to_string(::getpid()));
  const CheckOptions options{.kind = CheckKind::exec,
                             .timeout = 200ms,
                             .command = {"/bin/sh", "-c", "sleep 1000 & echo $! > " + file.string() + "; wait"}};
  EXPECT_EQ(outcome(options, nobody()), "! no answer within 200 ms");
  int child = 0;
  std::ifstream(file) >> child;
  std::filesystem::remove(file);
  ASSERT_GT(child, 0);
  turn_until([&] { return evloop::has_ended(child); });
}

TEST_F(CheckTest, SilenceIsAFailure) {
  const auto listener = evloop::listen_stream_socket(SocketAddress::parse("127.0.0.1:0"));
  const auto silent = SocketAddress::local(listener.get());
  EXPECT_EQ(outcome({.kind = CheckKind::http, .timeout = 20ms}, silent), "! no answer within 20 ms");
  EXPECT_EQ(outcome({.kind = CheckKind::tls, .timeout = 20ms}, silent), "! no answer within 20 ms");
}

TEST_F(CheckTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(Checker({.kind = CheckKind::exec}), evloop::ValueError);
  EXPECT_THROW(Checker({.kind = CheckKind::expect}), evloop::ValueError);
  EXPECT_THROW(Checker({.kind = CheckKind::dns}), evloop::ValueError);
  EXPECT_ANY_THROW(Checker({.kind = CheckKind::tls, .tls_options = {.ca = "/no/such/file"}}));
}

}  // namespace
}  // namespace evloopd::workloads
