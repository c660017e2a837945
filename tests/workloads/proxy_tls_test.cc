// TLS at tcp.proxy: with clients, with upstreams, through it, and which certificate and which upstreams by the name
// that a client asks for.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "net/socket_transport.h"
#include "net/tls/certificates.h"
#include "net/tls/tls.h"
#include "net/tls/tls_session.h"
#include "workloads/proxy/certificates.h"
#include "workloads/proxy_test.h"
#include "workloads/tcp_proxy.h"

namespace evloopd::workloads {
namespace {

using namespace std::string_literals;
using evloop::Ref;
using evloop::TestCa;
using evloop::TlsVerify;

// One end of a connection over TLS, on the test's own loop.
class TlsPeer final : public evloop::Protocol {
 public:
  void connection_made(evloop::Transport& made) override { transport = Ref(&made); }
  void data_received(std::span<const std::byte> data) override {
    received.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  bool eof_received() override {
    ended = true;
    return false;
  }
  void connection_lost(std::exception_ptr) override { ended = true; }

  [[nodiscard]] const evloop::TlsSession& tls() const { return *transport->tls(); }
  [[nodiscard]] std::string certificate() const { return tls().peer_certificate().value().subject; }

  Ref<evloop::Transport> transport;  // once TLS is agreed on
  evloop::Future<void> agreed;
  std::string received;
  bool ended = false;
};

class ProxyTlsTest : public TcpProxyTest {
 protected:
  ProxyTlsTest() { std::filesystem::create_directories(folder_); }
  ~ProxyTlsTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const auto path = folder_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  // A certificate for these names, in a file with its key.
  std::string certificate(const std::string& name, const char* names) {
    const auto issued = ca_.issue(name.c_str(), names);
    return write(name + ".pem", issued.certificate + issued.key);
  }
  std::string authority() { return write("ca.pem", ca_.certificate()); }

  void start_with(ConnectionOptions connection) {
    TcpProxyOptions options;
    options.connection = std::move(connection);
    start_to({upstream_.address()}, std::move(options));
  }
  Ref<TlsPeer> wrap(UniqueFd socket, const evloop::TlsUse& tls) {
    const evloop::EventLoop::RunScope scope(loop_);
    const Ref<TlsPeer> peer(new TlsPeer);
    peer->agreed = loop_.create_future();
    auto wrapped = tls.layer->wrap(loop_, peer, tls.server_hostname, peer->agreed);
    evloop::SocketTransport::create(loop_, std::move(socket), wrapped.below);
    return peer;
  }
  // A client that asks for this server.
  Ref<TlsPeer> connect_tls(const std::string& server, evloop::TlsClientSettings settings = {},
                           const std::string& first = {}) {
    settings.ca = evloop::Pem::text(ca_.certificate());
    return connect_tls_with(evloop::TlsContext::client(settings), server, first);
  }
  Ref<TlsPeer> connect_tls_with(const evloop::TlsContext& context, const std::string& server,
                                const std::string& first = {}) {
    auto [near, far] = evloop::tcp_pair();
    {
      const evloop::EventLoop::RunScope scope(loop_);
      share_->accepted({.socket = std::move(far)});
    }
    if (!first.empty()) EXPECT_EQ(::send(near.get(), first.data(), first.size(), 0), std::ssize(first));
    return wrap(std::move(near), evloop::tls_to(evloop::tls_client({.context = context}), server));
  }
  bool agrees(TlsPeer& peer) {
    EXPECT_TRUE(turn_until([&] { return peer.agreed.done(); }));
    return peer.agreed.done() && !peer.agreed.exception();
  }
  // The upstream's end of it, which serves TLS.
  Ref<TlsPeer> accept_tls(const evloop::TlsServerSettings& settings) {
    UniqueFd socket;
    EXPECT_TRUE(turn_until([&] {
      if (!socket) socket = upstream_.try_accept_socket();
      return static_cast<bool>(socket);
    }));
    return wrap(std::move(socket), {.layer = evloop::tls_server({.context = evloop::TlsContext::server(settings)})});
  }
  void send(TlsPeer& peer, std::string_view text) {
    on_loop([&] { peer.transport->write(text); });
  }
  bool gets_tls(TlsPeer& peer, std::string_view text) {
    EXPECT_TRUE(turn_until([&] { return peer.received.size() >= text.size(); }));
    return peer.received == text;
  }
  void close(TlsPeer& peer) {
    on_loop([&] { peer.transport->close(); });
  }
  std::uint64_t ended_by(const std::string& reason) {
    for (const auto& [name, count] : workload_->ends())
      if (name == reason) return count;
    return 0;
  }

  TestCa ca_;
  Backend upstream_;

 private:
  const std::string folder_ = testing::TempDir() + "evloopd-proxy-tls-" + std::to_string(::getpid());
};

// --- with clients ---

TEST_F(ProxyTlsTest, IsEndedAtTheProxy) {
  start_with({.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}}});
  auto client = connect_tls("a.example");
  ASSERT_TRUE(agrees(*client));
  auto server = accept(upstream_);
  send(*client, "question");
  EXPECT_TRUE(gets(server, "question"));
  server.send("answer");
  EXPECT_TRUE(gets_tls(*client, "answer"));
  close(*client);
  EXPECT_TRUE(turn_until([&] { return server.has_ended(); }));
  server.close();
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
  EXPECT_EQ(ended_by("client_closed"), 1U);
}

TEST_F(ProxyTlsTest, CarriesMuchBothWays) {
  start_with({.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}}});
  auto client = connect_tls("a.example");
  ASSERT_TRUE(agrees(*client));
  auto server = accept(upstream_);
  const std::string data(5'000'000, 'x');
  send(*client, data);
  std::size_t sent = 0;
  EXPECT_TRUE(turn_until([&] {
    sent += server.try_send(std::string_view(data).substr(sent));
    server.receive();
    return server.received.size() == data.size() && client->received.size() == data.size();
  }));
}

TEST_F(ProxyTlsTest, EndsWithTheUpstream) {
  start_with({.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}}});
  auto client = connect_tls("a.example");
  ASSERT_TRUE(agrees(*client));
  auto server = accept(upstream_);
  server.send("bye");
  server.close();
  EXPECT_TRUE(turn_until([&] { return client->ended && share_->connections() == 0; }));
  EXPECT_EQ(client->received, "bye");
  EXPECT_EQ(ended_by("upstream_closed"), 1U);
}

TEST_F(ProxyTlsTest, HasTheCertificateForTheNameThatIsAskedFor) {
  start_with({.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example"),
                                              certificate("b.example", "DNS:b.example,DNS:*.b.example")}}});
  for (const auto& [name, expected] : std::map<std::string, std::string>{
           {"a.example", "CN=a.example"}, {"b.example", "CN=b.example"}, {"x.b.example", "CN=b.example"}}) {
    auto client = connect_tls(name);
    ASSERT_TRUE(agrees(*client)) << name;
    EXPECT_EQ(client->certificate(), expected);
  }
  auto stranger = connect_tls("c.example");
  EXPECT_FALSE(agrees(*stranger)) << "it is given the first certificate";
  EXPECT_TRUE(turn_until([&] { return ended_by("client_tls_failed") == 1; }));
}

TEST_F(ProxyTlsTest, AgreesOnAProtocol) {
  start_with({.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}, .alpn = {"h2", "http/1.1"}}});
  auto client = connect_tls("a.example", {.alpn = {"http/1.1"}});
  ASSERT_TRUE(agrees(*client));
  EXPECT_EQ(client->tls().alpn_protocol(), "http/1.1");
}

TEST_F(ProxyTlsTest, MayNeedACertificateOfTheClient) {
  start_with({.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")},
                             .client_ca = authority(),
                             .verify = TlsVerify::required}});
  const auto issued = ca_.issue("friend", "DNS:friend");
  auto friendly = connect_tls("a.example", {.identity = {.certificate_chain = evloop::Pem::text(issued.certificate),
                                                         .private_key = evloop::Pem::text(issued.key)}});
  ASSERT_TRUE(agrees(*friendly));
  accept(upstream_).send("welcome");
  EXPECT_TRUE(gets_tls(*friendly, "welcome"));
  auto stranger = connect_tls("a.example", {});
  EXPECT_TRUE(turn_until([&] { return ended_by("client_tls_failed") == 1; }));
  EXPECT_FALSE(upstream_.try_accept());
}

TEST_F(ProxyTlsTest, ComesBehindAHeaderOfTheProxyProtocol) {
  start_with({.proxy_protocol = {.from = {"127.0.0.1"}, .send = ProxyHeaderVersion::v1},
              .tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}}});
  const auto header = "PROXY TCP4 198.51.100.1 203.0.113.1 1000 443\r\n"s;
  auto client = connect_tls("a.example", {}, header);
  ASSERT_TRUE(agrees(*client));
  auto server = accept(upstream_);
  send(*client, "hello");
  EXPECT_TRUE(gets(server, header + "hello"));
}

TEST_F(ProxyTlsTest, HasToBeAgreedOnInTime) {
  start_with(
      {.timeouts = {.greeting = 3s}, .tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}}});
  auto client = connect();
  client.send("\x16\x03\x01");
  turn(2);
  pass(2s);
  EXPECT_FALSE(client.is_gone());
  pass(2s);
  EXPECT_TRUE(turn_until([&] { return client.is_gone() && share_->connections() == 0; }));
  EXPECT_EQ(ended_by("client_tls_failed"), 1U);
}

TEST_F(ProxyTlsTest, MayBeAbortedWhileItIsAgreedOn) {
  start_with({.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}}});
  auto client = connect();
  turn(2);
  on_loop([&] { share_->abort(); });
  EXPECT_TRUE(turn_until([&] { return client.is_gone() && share_->connections() == 0; }));
  EXPECT_EQ(ended_by("aborted"), 1U);
  auto other = connect();
  turn(2);
  share_.reset();
  EXPECT_TRUE(turn_until([&] { return other.is_gone(); }));
}

// --- certificates that change ---

TEST_F(ProxyTlsTest, UsesACertificateThatHasChangedAndKeepsWhatIsOpen) {
  const auto file = certificate("a.example", "DNS:a.example");
  start_with({.tls_listen = {.certificates = {file}}});
  auto before = connect_tls("a.example");
  ASSERT_TRUE(agrees(*before));
  auto server = accept(upstream_);
  const auto renewed = ca_.issue("renewed", "DNS:a.example");
  write("a.example.pem", renewed.certificate + renewed.key);
  static_cast<TcpProxy&>(*workload_).reload_certificates();
  auto after = connect_tls("a.example");
  ASSERT_TRUE(agrees(*after));
  EXPECT_EQ(after->certificate(), "CN=renewed");
  send(*before, "still here");
  EXPECT_TRUE(gets(server, "still here"));
}

TEST_F(ProxyTlsTest, KeepsItsCertificateIfTheNewOneCannotBeUsed) {
  const auto file = certificate("a.example", "DNS:a.example");
  start_with({.tls_listen = {.certificates = {file}}});
  write("a.example.pem", "nothing");
  EXPECT_THROW(static_cast<TcpProxy&>(*workload_).reload_certificates(), std::exception);
  auto client = connect_tls("a.example");
  EXPECT_TRUE(agrees(*client));
}

TEST_F(ProxyTlsTest, SeesThatAFileHasChanged) {
  const auto file = certificate("a.example", "DNS:a.example");
  Certificates certificates({.certificates = {file}}, {});
  EXPECT_FALSE(certificates.reload_if_changed());
  const auto first = certificates.server();
  const auto renewed = ca_.issue("a much longer name", "DNS:a.example,DNS:b.example");
  write("a.example.pem", renewed.certificate + renewed.key);
  EXPECT_TRUE(certificates.reload_if_changed());
  EXPECT_NE(certificates.server(), first);
  write("a.example.pem", "nothing");
  EXPECT_FALSE(certificates.reload_if_changed());
  EXPECT_FALSE(certificates.reload_if_changed());
  EXPECT_EQ(log().size(), 2U) << "that it was read, and once that it cannot be";
}

TEST_F(ProxyTlsTest, ResumesSessionsAlsoAfterAReload) {
  start_with({.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}}});
  const auto context = evloop::TlsContext::client({.ca = evloop::Pem::text(ca_.certificate())});
  const auto is_resumed = [&] {
    auto client = connect_tls_with(context, "a.example");
    EXPECT_TRUE(agrees(*client));
    accept(upstream_).send("x");  // behind it come the tickets
    EXPECT_TRUE(gets_tls(*client, "x"));
    return client->tls().is_resumed();
  };
  EXPECT_FALSE(is_resumed());
  EXPECT_TRUE(is_resumed());
  static_cast<TcpProxy&>(*workload_).reload_certificates();
  EXPECT_TRUE(is_resumed());
}

TEST_F(ProxyTlsTest, CarriesFaults) {
  start_with({.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}},
              .faults = {.latency = 20ms, .slice_size = 3}});
  auto client = connect_tls("a.example");
  ASSERT_TRUE(agrees(*client));
  auto server = accept(upstream_);
  send(*client, "question");
  turn(10);
  EXPECT_FALSE(server.has_received(1));
  pass(20ms);
  EXPECT_TRUE(gets(server, "question"));
  server.send("answer");
  server.send_eof();
  turn(10);
  EXPECT_EQ(client->received, "");
  pass(20ms);
  EXPECT_TRUE(gets_tls(*client, "answer"));
  EXPECT_TRUE(turn_until([&] { return client->ended && share_->connections() == 0; }));
  EXPECT_EQ(ended_by("upstream_closed"), 1U);
}

TEST_F(ProxyTlsTest, WhatWasSentBeforeItsEndArrivesLate) {
  start_with(
      {.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}}, .faults = {.latency = 20ms}});
  auto client = connect_tls("a.example");
  ASSERT_TRUE(agrees(*client));
  auto server = accept(upstream_);
  send(*client, "question");
  close(*client);
  turn(10);
  EXPECT_FALSE(server.is_gone());
  pass(20ms);
  EXPECT_TRUE(turn_until([&] { return server.has_ended() && share_->connections() == 0; }));
  EXPECT_EQ(server.received, "question");
}

// --- with upstreams ---

TEST_F(ProxyTlsTest, IsBegunAtTheProxy) {
  start_with({.tls_connect = {.enabled = true, .ca = authority(), .server_name = "back.example"}});
  auto client = connect();
  client.send("question");
  const auto issued = ca_.issue("back", "DNS:back.example");
  auto server = accept_tls({.identity = {.certificate_chain = evloop::Pem::text(issued.certificate),
                                         .private_key = evloop::Pem::text(issued.key)}});
  ASSERT_TRUE(agrees(*server));
  EXPECT_EQ(server->tls().server_name(), "back.example");
  EXPECT_TRUE(gets_tls(*server, "question"));
  send(*server, "answer");
  EXPECT_TRUE(gets(client, "answer"));
  close(*server);
  EXPECT_TRUE(turn_until([&] { return client.has_ended(); }));
}

TEST_F(ProxyTlsTest, IsNotAgreedOnWithAnUpstreamThatIsAnother) {
  start_with({.tls_connect = {.enabled = true, .ca = authority(), .server_name = "back.example"}});
  auto client = connect();
  const auto issued = ca_.issue("other", "DNS:other.example");
  auto server = accept_tls({.identity = {.certificate_chain = evloop::Pem::text(issued.certificate),
                                         .private_key = evloop::Pem::text(issued.key)}});
  EXPECT_TRUE(turn_until([&] { return client.is_gone() && share_->connections() == 0; }));
  EXPECT_EQ(ended_by("upstream_tls_failed"), 1U);
  EXPECT_EQ(counters().connections_failed, 1U);
}

TEST_F(ProxyTlsTest, NamesAnUpstreamInTheLogThatIsOnTheListNoMore) {
  const auto path = write("access.log", "");
  start_with({.access_log = {.path = path}, .tls_connect = {.enabled = true, .ca = authority()}});
  auto client = connect();
  auto server = accept(upstream_);
  Backend next;
  ASSERT_TRUE(workload_->upstreams()->set({{.address = next.address()}}));
  const auto other = connect();
  const auto at_next = accept(next);
  server.close();
  EXPECT_TRUE(turn_until([&] { return client.is_gone(); }));
  pass(1s);  // lines are written together
  EXPECT_TRUE(turn_until([&] {
    std::stringstream log;
    log << std::ifstream(path).rdbuf();
    return log.str().find("\"upstream\":\"" + upstream_.address() + '"') != std::string::npos;
  }));
}

TEST_F(ProxyTlsTest, KeepsNameAndProtocolFromClientToUpstream) {
  start_with({.tls_listen = {.certificates = {certificate("a.example", "DNS:a.example")}, .alpn = {"h2", "http/1.1"}},
              .tls_connect = {.enabled = true, .ca = authority()}});
  auto client = connect_tls("a.example", {.alpn = {"http/1.1"}});
  ASSERT_TRUE(agrees(*client));
  const auto issued = ca_.issue("back", "DNS:a.example");
  auto server = accept_tls({.identity = {.certificate_chain = evloop::Pem::text(issued.certificate),
                                         .private_key = evloop::Pem::text(issued.key)},
                            .alpn = {"h2", "http/1.1"}});
  ASSERT_TRUE(agrees(*server));
  EXPECT_EQ(server->tls().server_name(), "a.example");
  EXPECT_EQ(server->tls().alpn_protocol(), "http/1.1");
  send(*client, "question");
  EXPECT_TRUE(gets_tls(*server, "question"));
  send(*server, "answer");
  EXPECT_TRUE(gets_tls(*client, "answer"));
}

// --- by name ---

TEST_F(ProxyTlsTest, GoesThroughToTheUpstreamOfItsName) {
  Backend other;
  start_with({.routes = {{.server_name = "b.example", .upstreams = {other.address()}}}});
  const auto issued = ca_.issue("b.example", "DNS:b.example");
  auto client = connect_tls("b.example");
  UniqueFd socket;
  EXPECT_TRUE(turn_until([&] {
    if (!socket) socket = other.try_accept_socket();
    return static_cast<bool>(socket);
  }));
  auto server =
      wrap(std::move(socket),
           {.layer = evloop::tls_server({.context = evloop::TlsContext::server(
                                             {.identity = {.certificate_chain = evloop::Pem::text(issued.certificate),
                                                           .private_key = evloop::Pem::text(issued.key)}})})});
  ASSERT_TRUE(agrees(*client));
  send(*client, "end to end");
  EXPECT_TRUE(gets_tls(*server, "end to end"));
  auto unknown = connect_tls("c.example");
  EXPECT_TRUE(turn_until([&] { return upstream_.try_accept().has_value(); })) << "to those of all others";
}

TEST_F(ProxyTlsTest, IsWhatAClientHasToSpeakThatIsRoutedByIt) {
  start_with({.routes = {{.server_name = "b.example", .upstreams = {upstream_.address()}}}});
  auto client = connect();
  client.send("GET / HTTP/1.1\r\n");
  EXPECT_TRUE(turn_until([&] { return client.is_gone() && share_->connections() == 0; }));
  EXPECT_EQ(ended_by("bad_client_hello"), 1U);
}

TEST_F(ProxyTlsTest, ThatIsEndedHereIsRoutedTooByItsName) {
  Backend other;
  start_with({.tls_listen = {.certificates = {certificate("all", "DNS:a.example,DNS:b.example")}},
              .routes = {{.server_name = "b.example", .upstreams = {other.address()}}}});
  auto client = connect_tls("b.example");
  ASSERT_TRUE(agrees(*client));
  accept(other).send("b");
  EXPECT_TRUE(gets_tls(*client, "b"));
}

TEST(ProxyTls, RefusesFilesThatCannotBeUsed) {
  EXPECT_THROW(TcpProxy(TcpProxyOptions{.connection = {.tls_listen = {.certificates = {"/nowhere/at/all.pem"}}}}),
               std::system_error);
}

}  // namespace
}  // namespace evloopd::workloads
