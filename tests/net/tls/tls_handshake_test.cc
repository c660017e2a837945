#include "aio/settled.h"
#include "aio/timeout.h"
#include "net/os_error.h"
#include "net/tls/tls_test.h"

namespace evloop {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class TlsHandshakeTest : public TlsTest {
 protected:
  using TlsTest::TlsTest;

  // Both sides, as far as they get.
  void try_to_connect(const TlsClient& client, const TlsServer& server = server_layer()) {
    auto [mine, theirs] = socket_pair();
    begin(client_, client, std::move(mine));
    begin(server_, server, std::move(theirs));
    turn_until([&] { return client_.made.done() && server_.made.done(); });
    turn(4);
  }
  // A client whose peer is not there yet.
  void begin_client(const TlsClient& layer = client_layer()) {
    auto [mine, theirs] = socket_pair();
    peer_ = std::move(theirs);
    begin(client_, layer, std::move(mine));
  }

  UniqueFd peer_;
};

class TlsHandshakeTimeTest : public TlsHandshakeTest {
 protected:
  TlsHandshakeTimeTest() : TlsHandshakeTest(Time::is_virtual) {}
};

TEST_F(TlsHandshakeTest, TheProtocolGetsATlsTransportAfterTheHandshake) {  // TLS-01
  begin_client();
  turn(3);
  EXPECT_THAT(client_.protocol->calls, IsEmpty());
  begin(server_, server_layer(), std::move(peer_));
  turn_until([&] { return client_.made.done() && server_.made.done(); });
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made"));
  EXPECT_THAT(server_.protocol->calls, ElementsAre("made"));
  EXPECT_EQ(client_.protocol->transport, client_.transport.get());
  ASSERT_TRUE(client_.transport->tls());
  EXPECT_EQ(client_.socket->tls(), nullptr);
}

TEST_F(TlsHandshakeTest, WhatWasAgreedOnIsKnown) {  // TRANS-12
  auto client = TestTls::client_settings();
  client.alpn = {"h2", "http/1.1"};
  auto server = TestTls::server_settings();
  server.alpn = {"http/1.1"};
  connect(tls_client({.context = TlsContext::client(client), .server_hostname = "localhost"}),
          tls_server({.context = TlsContext::server(server)}));
  client_.transport->close();
  turn_until_lost();
  // It is known after the end, too.
  const auto& tls = client_.tls();
  EXPECT_EQ(tls.version(), "TLSv1.3");
  EXPECT_THAT(std::string(tls.cipher()), StartsWith("TLS_"));
  EXPECT_EQ(tls.alpn_protocol(), "http/1.1");
  EXPECT_EQ(tls.server_name(), "localhost");
  EXPECT_EQ(server_.tls().server_name(), "localhost");
  EXPECT_FALSE(server_.tls().peer_certificate());
  const auto certificate = tls.peer_certificate();
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->subject, "CN=localhost");
  EXPECT_EQ(certificate->issuer, "CN=Test CA");
  EXPECT_THAT(certificate->subject_alt_names, ElementsAre("DNS:localhost", "IP Address:127.0.0.1"));
  EXPECT_THAT(certificate->serial_number, testing::Not(IsEmpty()));
  const auto now = std::chrono::system_clock::now();
  EXPECT_LT(certificate->not_before, now);
  EXPECT_GT(certificate->not_after, now);
}

TEST_F(TlsHandshakeTest, WithoutAProtocolInCommonThereIsNone) {
  auto client = TestTls::client_settings();
  client.alpn = {"h2"};
  auto server = TestTls::server_settings();
  server.alpn = {"http/1.1"};
  connect(tls_client({.context = TlsContext::client(client), .server_hostname = "localhost"}),
          tls_server({.context = TlsContext::server(server)}));
  EXPECT_EQ(client_.tls().alpn_protocol(), "");
  EXPECT_EQ(server_.tls().alpn_protocol(), "");
}

TEST_F(TlsHandshakeTimeTest, ASilentPeerIsGivenUpAfterTheTimeout) {  // TLS-02
  begin_client();
  const auto begin = loop_.time();
  turn_until([&] { return client_.made.done(); });
  EXPECT_EQ(text_of(client_.made.exception()),
            "SSL handshake is taking longer than 60 seconds: aborting the connection");
  EXPECT_EQ(loop_.time() - begin, 60s);
  EXPECT_TRUE(is_connection_error(client_.made.exception()));
  EXPECT_THAT(client_.protocol->calls, IsEmpty());
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_EQ(client_.transport->fd(), -1);
}

TEST_F(TlsHandshakeTimeTest, TheTimeoutIsTheCallersChoice) {  // TLS-02
  begin_client(client_layer({.handshake = 1500ms}));
  turn_until([&] { return client_.made.done(); });
  EXPECT_EQ(text_of(client_.made.exception()),
            "SSL handshake is taking longer than 1.5 seconds: aborting the connection");
}

TEST_F(TlsHandshakeTest, AFailureComesOutOfTheConnectingCallAndTheProtocolSeesNothing) {  // TLS-03
  auto settings = TestTls::client_settings();
  const TestCa stranger("Stranger");
  settings.ca = Pem::text(stranger.certificate());
  loop_.set_debug(true);
  try_to_connect(tls_client({.context = TlsContext::client(settings), .server_hostname = "localhost"}));
  const auto error = client_.made.exception();
  EXPECT_TRUE(holds<CertificateError>(error));
  EXPECT_TRUE(holds<std::system_error>(error));
  EXPECT_EQ(text_of(error),
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate");
  EXPECT_THAT(client_.protocol->calls, IsEmpty());
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log(), Contains(HasSubstr("SSL handshake failed on verifying the certificate")));
  // The server is told why.
  EXPECT_THAT(text_of(server_.made.exception()), HasSubstr("alert unknown ca"));
  EXPECT_THAT(server_.protocol->calls, IsEmpty());
  EXPECT_THAT(log(), Contains(HasSubstr("SSL handshake failed: ")));
  EXPECT_EQ(client_.transport->fd(), -1);
  EXPECT_EQ(server_.transport->fd(), -1);
}

TEST_F(TlsHandshakeTest, WithoutDebugAFailureIsNotEvenLogged) {  // TLS-03
  try_to_connect(tls_client({.context = TlsContext::client({.ca = Pem::text(TestCa("Stranger").certificate())}),
                             .server_hostname = "localhost"}));
  EXPECT_TRUE(client_.made.exception());
  EXPECT_TRUE(server_.made.exception());
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(TlsHandshakeTest, ACertificateForAnotherNameIsRefused) {  // TLS-03
  try_to_connect(tls_client({.context = TestTls::client(), .server_hostname = "example.org"}));
  EXPECT_EQ(
      text_of(client_.made.exception()),
      "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for "
      "'example.org'.");
}

TEST_F(TlsHandshakeTest, AnAddressIsANameToo) {
  connect(tls_client({.context = TestTls::client(), .server_hostname = "127.0.0.1"}));
  EXPECT_EQ(server_.tls().server_name(), "");  // but none to ask for
}

TEST_F(TlsHandshakeTest, AnAddressThatTheCertificateDoesNotNameIsRefused) {
  try_to_connect(tls_client({.context = TestTls::client(), .server_hostname = "127.0.0.2"}));
  EXPECT_THAT(text_of(client_.made.exception()),
              HasSubstr("IP address mismatch, certificate is not valid for '127.0.0.2'."));
}

TEST_F(TlsHandshakeTest, APeerWithoutTlsIsAnError) {  // TLS-03
  begin_client();
  turn(2);
  send_text(peer_, "220 mail.example.org ready\r\n");
  turn_until([&] { return client_.made.done(); });
  EXPECT_EQ(text_of(client_.made.exception()), "[SSL: WRONG_VERSION_NUMBER] wrong version number");
}

TEST_F(TlsHandshakeTest, APeerThatClosesInTheMiddleResetsTheConnection) {  // TLS-04
  begin_client();
  turn(2);
  peer_.reset();
  turn_until([&] { return client_.made.done(); });
  ASSERT_TRUE(holds<std::system_error>(client_.made.exception()));
  EXPECT_TRUE(is_connection_error(client_.made.exception()));
  turn(4);
  EXPECT_THAT(client_.protocol->calls, IsEmpty());
  EXPECT_EQ(client_.transport->fd(), -1);
  EXPECT_EQ(client_.transport->loop(), nullptr);
}

TEST_F(TlsHandshakeTest, APeerThatHasReadEverythingAndClosesResetsTheConnection) {  // TLS-04
  begin_client();
  turn(2);
  static_cast<void>(receive_text(peer_));
  peer_.reset();
  turn_until([&] { return client_.made.done(); });
  try {
    std::rethrow_exception(client_.made.exception());
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::connection_reset);
  }
  EXPECT_THAT(client_.protocol->calls, IsEmpty());
}

TEST_F(TlsHandshakeTest, WhatIsWrittenMeanwhileIsHeldBack) {  // TLS-05
  begin_client();
  client_.protocol->on_made = [](Recorder& self) { self.transport->write("third"); };
  client_.transport->write("first ");
  turn(2);
  client_.transport->write("second ");
  EXPECT_EQ(client_.transport->get_write_buffer_size(), 13u);
  EXPECT_THAT(receive_text(UniqueFd(::dup(peer_.get()))), testing::Not(HasSubstr("first")));
}

TEST_F(TlsHandshakeTest, WhatWasHeldBackIsSentInItsOrder) {  // TLS-05
  begin_client();
  client_.protocol->on_made = [](Recorder& self) { self.transport->write("third"); };
  client_.transport->write("first ");
  turn(2);
  client_.transport->write("second ");
  begin(server_, server_layer(), std::move(peer_));
  turn_until([&] { return server_.protocol->data.size() == 18; });
  EXPECT_EQ(server_.protocol->data, "first second third");
  EXPECT_EQ(client_.transport->get_write_buffer_size(), 0u);
}

TEST_F(TlsHandshakeTest, WhatWasHeldBackIsSentBeforeACloseInConnectionMade) {  // TLS-05
  begin_client();
  client_.protocol->on_made = [](Recorder& self) { self.transport->close(); };
  client_.transport->write("last words");
  begin(server_, server_layer(), std::move(peer_));
  turn_until_lost();
  EXPECT_EQ(server_.protocol->data, "last words");
  EXPECT_THAT(server_.protocol->calls, ElementsAre("made", "data", "eof", "lost"));
}

TEST_F(TlsHandshakeTest, ToCloseMeanwhileAborts) {  // TLS-07
  begin_client();
  turn(2);
  client_.transport->close();
  EXPECT_TRUE(client_.transport->is_closing());
  turn_until([&] { return client_.made.done(); });
  EXPECT_TRUE(is_connection_error(client_.made.exception()));
  EXPECT_THAT(client_.protocol->calls, IsEmpty());
  static_cast<void>(receive_text(peer_));
  EXPECT_TRUE(at_end(peer_));
}

TEST_F(TlsHandshakeTest, ToCloseBeforeItBeginsAborts) {  // TLS-07
  begin_client();
  client_.transport->close();
  turn_until([&] { return client_.made.done(); });
  EXPECT_TRUE(is_connection_error(client_.made.exception()));
  turn(2);
  EXPECT_TRUE(at_end(peer_));
}

TEST_F(TlsHandshakeTest, AnErrorOfConnectionMadeIsFatal) {
  begin_client();
  client_.protocol->on_made = [](Recorder&) { throw std::runtime_error("not today"); };
  begin(server_, server_layer(), std::move(peer_));
  turn_until([&] { return client_.protocol->lost; });
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made", "lost"));
  EXPECT_EQ(text_of(client_.protocol->error), "not today");
  EXPECT_EQ(text_of(client_.made.exception()), "not today");
  EXPECT_THAT(reports_, ElementsAre("Fatal error on SSL protocol"));
}

TEST_F(TlsHandshakeTest, AServerServesAsTheOneThatIsAskedFor) {
  const auto other = TestTls::ca().issue("other", "DNS:other.example");
  const auto context = TlsContext::server({.identity = TestTls::identity(other), .alpn = {"special"}});
  auto settings = TestTls::server_settings();
  std::vector<std::string> asked;
  settings.context_for = [&](std::string_view name) {
    asked.emplace_back(name);
    return name == "other.example" ? context : TlsContext();
  };
  const auto server = tls_server({.context = TlsContext::server(settings)});
  auto client = TestTls::client_settings();
  client.alpn = {"special"};
  const auto chosen = TlsContext::client(client);
  connect(tls_client({.context = chosen, .server_hostname = "other.example"}), server);
  EXPECT_EQ(client_.tls().peer_certificate()->subject, "CN=other");
  EXPECT_EQ(client_.tls().alpn_protocol(), "special");
  client_ = {};
  server_ = {};
  connect(client_layer(), server);
  EXPECT_EQ(client_.tls().peer_certificate()->subject, "CN=localhost");
  EXPECT_THAT(asked, ElementsAre("other.example", "localhost"));
}

TEST_F(TlsHandshakeTest, AServerMayRefuseAName) {
  auto settings = TestTls::server_settings();
  settings.context_for = [](std::string_view) -> TlsContext { throw std::runtime_error("nobody of that name"); };
  try_to_connect(client_layer(), tls_server({.context = TlsContext::server(settings)}));
  EXPECT_THAT(text_of(client_.made.exception()), HasSubstr("unrecognized name"));
  EXPECT_TRUE(holds<TlsError>(server_.made.exception()));
}

TEST_F(TlsHandshakeTest, AServerMayRequireACertificate) {
  auto settings = TestTls::server_settings();
  settings.client_ca = Pem::text(TestTls::ca().certificate());
  settings.verify = TlsVerify::required;
  const auto server = tls_server({.context = TlsContext::server(settings)});
  auto client = TestTls::client_settings();
  client.identity = TestTls::identity(TestTls::ca().issue("a client", "email:client@example.org"));
  connect(tls_client({.context = TlsContext::client(client), .server_hostname = "localhost"}), server);
  EXPECT_EQ(server_.tls().peer_certificate()->subject, "CN=a client");
  EXPECT_THAT(server_.tls().peer_certificate()->subject_alt_names, ElementsAre("email:client@example.org"));

  client_ = {};
  server_ = {};
  try_to_connect(client_layer(), server);
  EXPECT_THAT(text_of(server_.made.exception()), HasSubstr("peer did not return a certificate"));
  // TLS 1.3: the client is done before it hears of it.
  turn_until([&] { return client_.protocol->lost; });
  EXPECT_THAT(text_of(client_.protocol->error), HasSubstr("certificate required"));
}

TEST_F(TlsHandshakeTest, AServerMayAskForACertificate) {
  auto settings = TestTls::server_settings();
  settings.client_ca = Pem::text(TestTls::ca().certificate());
  settings.verify = TlsVerify::optional;
  const auto server = tls_server({.context = TlsContext::server(settings)});
  connect(client_layer(), server);
  EXPECT_FALSE(server_.tls().peer_certificate());
  auto client = TestTls::client_settings();
  client.identity = TestTls::identity(TestCa("Stranger").issue("a stranger", "DNS:stranger"));
  client_ = {};
  server_ = {};
  try_to_connect(tls_client({.context = TlsContext::client(client), .server_hostname = "localhost"}), server);
  EXPECT_TRUE(holds<CertificateError>(server_.made.exception()));
}

TEST_F(TlsHandshakeTest, ANewConnectionResumesTheSessionOfAnEarlierOne) {
  const auto client =
      tls_client({.context = TlsContext::client(TestTls::client_settings()), .server_hostname = "localhost"});
  const auto server = tls_server({.context = TlsContext::server(TestTls::server_settings())});
  connect(client, server);
  EXPECT_FALSE(client_.tls().is_resumed());
  client_.transport->close();
  turn_until_lost();
  client_ = {};
  server_ = {};
  connect(client, server);
  EXPECT_TRUE(client_.tls().is_resumed());
  EXPECT_TRUE(server_.tls().is_resumed());
  EXPECT_EQ(client_.tls().peer_certificate()->subject, "CN=localhost");
}

TEST_F(TlsHandshakeTest, ResumptionCanBeTurnedOffOnEitherSide) {
  for (const bool of_client : {true, false}) {
    auto client_settings = TestTls::client_settings();
    auto server_settings = TestTls::server_settings();
    (of_client ? client_settings.resume_sessions : server_settings.resume_sessions) = false;
    const auto client = tls_client({.context = TlsContext::client(client_settings), .server_hostname = "localhost"});
    const auto server = tls_server({.context = TlsContext::server(server_settings)});
    for (int i = 0; i < 2; ++i) {
      client_ = {};
      server_ = {};
      connect(client, server);
      EXPECT_FALSE(client_.tls().is_resumed());
      client_.transport->close();
      turn_until_lost();
    }
  }
}

TEST_F(TlsHandshakeTest, WithoutVerificationAnybodyWillDo) {
  const auto self_made = TestCa("Stranger").issue("whoever", "DNS:elsewhere");
  connect(tls_client({.context = TlsContext::client({.verify = TlsVerify::none}), .server_hostname = "localhost"}),
          tls_server({.context = TlsContext::server({.identity = TestTls::identity(self_made)})}));
  EXPECT_EQ(client_.tls().peer_certificate()->subject, "CN=whoever");
}

TEST_F(TlsHandshakeTest, ANameThatNoServerCanHaveIsRefused) {
  auto layer = tls_client({.context = TestTls::client(), .server_hostname = ".example.org"});
  EXPECT_THROW(static_cast<void>(layer->wrap(loop_, client_.protocol, ".example.org", {})), ValueError);
}

// A connection that is cancelled after each number of turns it may take leaves nothing.
TEST_F(TlsHandshakeTest, CancelledAnywhereItLeavesNoTaskAndNoDescriptor) {  // CONN-10, TLS-14
  auto server = run(create_server(loop_, [] { return Ref<BaseProtocol>(new Recorder); },
                                  SocketAddress::parse("127.0.0.1:0"), {.tls = server_layer()}));
  const auto where = address(server);
  const auto layer = client_layer();
  const auto before = open_fds();
  bool finished = false;
  for (int turns = 0; !finished; ++turns) {
    ASSERT_LT(turns, 1000);
    auto connecting =
        loop_.create_task(create_connection(loop_, [] { return Ref(new Recorder); }, where, {.tls = layer}));
    turn(turns);
    finished = connecting.done();
    if (finished) {
      connecting.result().transport->abort();
    } else {
      connecting.cancel();
    }
    turn_until([&] { return connecting.done() && open_fds() == before; });
    EXPECT_EQ(connecting.cancelled(), !finished);
    EXPECT_THAT(loop_.all_tasks(), IsEmpty());
  }
  EXPECT_THAT(reports_, IsEmpty());
}

}  // namespace
}  // namespace evloop
