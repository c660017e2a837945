// Against programs that have nothing of ours: openssl's client and server, and curl.

#include "aio/settled.h"
#include "net/os_error.h"
#include "net/tls/program.h"
#include "net/tls/tls_test.h"

namespace evloop {
namespace {

Coro<void> echo_lines(StreamReader& reader, StreamWriter& writer) {
  while (const auto line = co_await reader.next_line()) {
    writer.write(*line);
    co_await writer.drain();
  }
  writer.close();
  co_await writer.wait_closed();
}

// A server as short as can be.
Coro<void> answer_http(StreamReader& reader, StreamWriter& writer) {
  const auto request = co_await reader.readuntil("\r\n\r\n");
  const auto body = "you asked for " + request.str().substr(0, request.view().find('\r')) + "\n";
  writer.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n");
  writer.write(body);
  co_await writer.drain();
  writer.close();
  co_await writer.wait_closed();
}

class TlsPeersTest : public TlsTest {
 protected:
  template <class F>
  Server serve(F client, TlsServerSettings settings = TestTls::server_settings()) {
    const auto layer = tls_server({.context = TlsContext::server(settings)});
    return run([](F f, TlsServer tls) -> Coro<Server> {
      co_return co_await start_server(std::move(f), SocketAddress::parse("127.0.0.1:0"), ServerOptions{.tls = tls});
    }(std::move(client), layer));
  }
  static std::string port(const Server& server) { return std::to_string(address(server).port()); }
  static std::vector<std::string> s_client(const Server& server, const std::string& ca,
                                           std::vector<std::string> more = {}) {
    std::vector<std::string> command{"openssl",
                                     "s_client",
                                     "-connect",
                                     "127.0.0.1:" + port(server),
                                     "-CAfile",
                                     ca,
                                     "-verify_return_error",
                                     "-servername",
                                     "localhost",
                                     "-verify_hostname",
                                     "localhost"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  void wait_for(Program& program, std::string_view text) {
    ASSERT_TRUE(program.started()) << "openssl and curl are in deploy/packages";
    turn_until_told(program, [&] { return program.has_printed(text) || program.has_ended(); });
    EXPECT_TRUE(program.has_printed(text)) << program.output();
  }
  void wait_for_end(Program& program) {
    turn_until_told(program, [&] { return program.has_ended(); });
  }
  // What a program does wakes the loop.
  template <class F>
  void turn_until_told(const Program& program, F done) {
    loop_.add_reader(program.fd(), [] {});
    turn_until(std::move(done));
    loop_.remove_reader(program.fd());
  }

  const Folder folder_;
  const std::string ca_ = folder_.write("ca.pem", TestTls::ca().certificate());
};

TEST_F(TlsPeersTest, OpensslsClientTalksToAServer) {  // TLS-01, TLS-07
  auto server = serve(echo_lines);
  for (const auto* version : {"-tls1_2", "-tls1_3"}) {
    Program client(s_client(server, ca_, {version, "-quiet", "-no_ign_eof"}));
    client.write("hello there\n");
    wait_for(client, "hello there\n");
    client.end_input();
    wait_for_end(client);
    EXPECT_EQ(client.exit_status(), 0) << client.output();
  }
  EXPECT_THAT(reports_, testing::IsEmpty());
}

TEST_F(TlsPeersTest, OpensslsClientSeesWhatWasAgreedOn) {
  auto settings = TestTls::server_settings();
  settings.alpn = {"http/1.1"};
  auto server = serve(echo_lines, settings);
  Program client(s_client(server, ca_, {"-alpn", "h2,http/1.1"}));
  wait_for(client, "ALPN protocol: http/1.1");
  wait_for(client, "Verify return code: 0 (ok)");
  client.end_input();
  wait_for_end(client);
}

TEST_F(TlsPeersTest, OpensslsClientResumesItsSession) {
  auto server = serve(echo_lines);
  const auto session = folder_.path("session.pem");
  for (const auto* version : {"-tls1_2", "-tls1_3"}) {
    Program first(s_client(server, ca_, {version, "-sess_out", session}));
    first.write("hello there\n");
    wait_for(first, "hello there\n");
    first.end_input();
    wait_for_end(first);
    Program second(s_client(server, ca_, {version, "-sess_in", session}));
    wait_for(second, "Reused, TLSv1.");
    second.end_input();
    wait_for_end(second);
  }
}

TEST_F(TlsPeersTest, AClientThatIsTooOldIsRefused) {
  auto settings = TestTls::server_settings();
  settings.minimum_version = TlsVersion::tls_1_3;
  auto server = serve(echo_lines, settings);
  Program client(s_client(server, ca_, {"-tls1_2"}));
  wait_for(client, "alert protocol version");
  wait_for_end(client);
  EXPECT_NE(client.exit_status(), 0);
}

TEST_F(TlsPeersTest, AClientThatIsKilledEndsItsConnection) {
  bool begun = false;
  bool ended = false;
  auto server = serve([&](StreamReader& reader, StreamWriter& writer) -> Coro<void> {
    EXPECT_EQ(co_await reader.readline(), "hello\n");
    begun = true;
    // An end of data, or a reset if something was still on its way to it.
    const auto rest = co_await settled(reader.read());
    EXPECT_TRUE(rest.has_value() || is_connection_error(rest.error()));
    ended = true;
    writer.close();
  });
  {
    Program client(s_client(server, ca_, {"-quiet"}));
    client.write("hello\n");
    turn_until([&] { return begun; });
  }
  turn_until([&] { return ended; });
}

TEST_F(TlsPeersTest, TalksToOpensslsServer) {  // TLS-01, TLS-07
  const auto& issued = TestTls::localhost();
  const auto pem = folder_.write("server.pem", issued.certificate + issued.key);
  // It takes no port of its own choice but tells which one it got.
  Program server({"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", pem, "-alpn", "echo", "-rev"});
  wait_for(server, "ACCEPT 127.0.0.1:");
  auto text = server.output().substr(server.output().find("ACCEPT 127.0.0.1:") + 17);
  const auto body = [](int port) -> Coro<std::string> {
    auto settings = TestTls::client_settings();
    settings.alpn = {"echo"};
    const auto layer = tls_client({.context = TlsContext::client(settings), .server_hostname = "localhost"});
    std::string answers;
    for (int i = 0; i < 2; ++i) {
      const auto [reader, writer] = co_await open_connection("127.0.0.1", port, default_stream_limit, {.tls = layer});
      EXPECT_EQ(writer->transport().tls()->alpn_protocol(), "echo");
      EXPECT_EQ(writer->transport().tls()->is_resumed(), i == 1);
      writer->write("stressed\n");
      answers += (co_await reader->readline()).view();
      writer->close();
      co_await writer->wait_closed();
      EXPECT_TRUE(writer->transport().tls()->peer_has_closed());
    }
    co_return answers;
  };
  EXPECT_EQ(run(body(std::stoi(text))), "desserts\ndesserts\n");
}

TEST_F(TlsPeersTest, CurlGetsAPageOverHttps) {  // TLS-01, TLS-07
  auto server = serve(answer_http);
  Program curl({"curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", ca_, "--resolve",
                "localhost:" + port(server) + ":127.0.0.1", "https://localhost:" + port(server) + "/page",
                "https://localhost:" + port(server) + "/other"});
  ASSERT_TRUE(curl.started());
  wait_for_end(curl);
  EXPECT_EQ(curl.exit_status(), 0) << curl.output();
  EXPECT_EQ(curl.output(), "you asked for GET /page HTTP/1.1\nyou asked for GET /other HTTP/1.1\n");
}

TEST_F(TlsPeersTest, CurlTrustsNoServerItDoesNotKnow) {  // TLS-03
  auto server = serve(answer_http);
  const auto stranger = folder_.write("stranger.pem", TestCa("Stranger").certificate());
  Program curl({"curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", stranger, "--resolve",
                "localhost:" + port(server) + ":127.0.0.1", "https://localhost:" + port(server) + "/"});
  ASSERT_TRUE(curl.started());
  wait_for_end(curl);
  EXPECT_EQ(curl.exit_status(), 60) << curl.output();  // the peer's certificate cannot be authenticated
  EXPECT_THAT(reports_, testing::IsEmpty());
}

}  // namespace
}  // namespace evloop
