// TLS as a parameter of connections, servers and streams.

#include "aio/context_var.h"
#include "aio/gather.h"
#include "aio/timeout.h"
#include "net/os_error.h"
#include "net/tls/tls_test.h"

namespace evloop {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

auto recorder() {
  return [] { return Ref(new Recorder); };
}

Coro<void> echo(StreamReader& reader, StreamWriter& writer) {
  for (;;) {
    const auto data = co_await reader.read(65536);
    if (data.empty()) break;
    writer.write(data);
    co_await writer.drain();
  }
  writer.close();
}

class TlsConnectionTest : public TlsTest {
 protected:
  Server serve(ServerOptions options = {.tls = server_layer()}) {
    const auto factory = [this] { return protocols_.emplace_back(new Recorder); };
    return run(create_server(loop_, factory, SocketAddress::parse("127.0.0.1:0"), std::move(options)));
  }
  template <class P>
  void turn_until_lost(const Connection<P>& connection) {
    turn_until([&] { return connection.protocol->lost; });
  }

  std::vector<Ref<Recorder>> protocols_;  // of the server
};

TEST_F(TlsConnectionTest, ConnectsToAServerByItsName) {  // TLS-01, CONN-02
  auto server = serve();
  // Whom it expects is whom it connects to.
  const auto connection =
      run(create_connection(loop_, recorder(), "localhost", address(server).port(),
                            {.family = AF_INET, .tls = tls_client({.context = TestTls::client()})}));
  EXPECT_EQ(connection.transport->tls()->server_name(), "localhost");
  EXPECT_THAT(connection.protocol->calls, ElementsAre("made"));
  connection.transport->write("hello");
  turn_until([&] { return protocols_.size() == 1 && protocols_[0]->data == "hello"; });
  connection.transport->close();
  turn_until_lost(connection);
}

TEST_F(TlsConnectionTest, ExpectsAnotherNameThanTheHostsIfToldSo) {  // CONN-02
  auto server = serve();
  const auto connect = [&](std::optional<std::string> name) {
    return create_connection(loop_, recorder(), "127.0.0.1", address(server).port(),
                             {.tls = tls_client({.context = TestTls::client(), .server_hostname = std::move(name)})});
  };
  EXPECT_EQ(run(connect(std::nullopt)).transport->tls()->server_name(), "127.0.0.1");
  EXPECT_EQ(run(connect("localhost")).transport->tls()->server_name(), "localhost");
  EXPECT_THAT(error_of<CertificateError>(connect("example.org")), HasSubstr("Hostname mismatch"));
  // An empty name is for contexts that do not check it.
  EXPECT_EQ(error_of<ValueError>(connect("")), "check_hostname requires server_hostname");
  auto settings = TestTls::client_settings();
  settings.check_hostname = false;
  const auto anybody = tls_client({.context = TlsContext::client(settings), .server_hostname = ""});
  const auto connection = run(create_connection(loop_, recorder(), address(server), {.tls = anybody}));
  EXPECT_EQ(connection.transport->tls()->server_name(), "");
}

TEST_F(TlsConnectionTest, ADefaultContextTrustsNoStranger) {  // TLS-02, CONN-02
  auto server = serve();
  EXPECT_THAT(error_of<CertificateError>(create_connection(loop_, recorder(), address(server), {.tls = tls_client()})),
              HasSubstr("certificate verify failed"));
  const auto nameless = tls_client({.server_hostname = ""});
  EXPECT_THAT(error_of<CertificateError>(create_connection(loop_, recorder(), address(server), {.tls = nameless})),
              HasSubstr("unable to get local issuer certificate"));
}

TEST_F(TlsConnectionTest, ASocketHasNoNameOfItsOwn) {  // CONN-01
  const auto layer = tls_client({.context = TestTls::client()});
  EXPECT_EQ(error_of<ValueError>(create_connection(loop_, recorder(), socket_pair().first, layer)),
            "You must set server_hostname when using ssl without a host");
  EXPECT_EQ(error_of<ValueError>(create_connection(loop_, recorder(), "", 443, {.tls = layer})),
            "You must set server_hostname when using ssl without a host");
}

// What asyncio answers with a TypeError, or with an error of its ssl module, does not compile.
static_assert(!std::is_convertible_v<TlsClient, TlsServer> && !std::is_convertible_v<TlsServer, TlsClient>);
static_assert(!std::is_convertible_v<bool, TlsServer> && !std::is_convertible_v<bool, TlsClient>);

TEST_F(TlsConnectionTest, AUnixSocketHasNoNameOfItsOwn) {  // UNIX-04
  const Folder folder;
  const auto path = folder.path("tls.sock");
  auto server =
      run(create_unix_server(loop_, [] { return Ref<BaseProtocol>(new Recorder); }, path, {.tls = server_layer()}));
  EXPECT_EQ(
      error_of<ValueError>(create_unix_connection(loop_, recorder(), path, tls_client({.context = TestTls::client()}))),
      "you have to pass server_hostname when using ssl");
  const auto connection = run(create_unix_connection(loop_, recorder(), path, client_layer()));
  EXPECT_EQ(connection.transport->tls()->server_name(), "localhost");
  connection.transport->close();
  turn_until_lost(connection);
}

TEST_F(TlsConnectionTest, ASocketAcceptedElsewhereIsAServers) {  // SRV-23
  auto [mine, theirs] = tcp_pair();
  const Ref<Recorder> client(new Recorder);
  auto [below, transport] = client_layer()->wrap(loop_, client, "localhost", {});
  const auto socket = SocketTransport::create(loop_, std::move(mine), below);
  const auto connection = run(connect_accepted_socket(loop_, recorder(), std::move(theirs), server_layer()));
  EXPECT_TRUE(connection.transport->tls()->is_server());
  connection.transport->write("welcome");
  turn_until([&] { return client->data == "welcome"; });
  transport->close();
  turn_until_lost(connection);
}

TEST_F(TlsConnectionTest, AFailedHandshakeClosesBothSockets) {  // TLS-03, CONN-10
  auto server = serve();
  const auto before = open_fds();
  const auto layer = tls_client({.context = TestTls::client(), .server_hostname = "example.org"});
  EXPECT_THAT(error_of<TlsError>(create_connection(loop_, recorder(), address(server), {.tls = layer})),
              HasSubstr("certificate verify failed"));
  turn_until([&] { return open_fds() == before; });
  ASSERT_EQ(protocols_.size(), 1u);
  EXPECT_THAT(protocols_[0]->calls, IsEmpty());
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(TlsConnectionTest, InDebugAServerReportsWhoseHandshakeFailed) {  // SRV-14
  loop_.set_debug(true);
  auto server = serve();
  const auto layer = tls_client({.context = TestTls::client(), .server_hostname = "example.org"});
  EXPECT_THAT(error_of<TlsError>(create_connection(loop_, recorder(), address(server), {.tls = layer})),
              HasSubstr("certificate verify failed"));
  turn_until([&] { return !reports_.empty(); });
  EXPECT_THAT(reports_, ElementsAre("Error on transport creation for incoming connection"));
  EXPECT_THAT(text_of(last_report_.exception), HasSubstr("bad certificate"));
}

TEST_F(TlsConnectionTest, AServerWaitsForItsConnectionsOverTls) {  // SRV-18
  auto server = serve();
  const auto connection = run(create_connection(loop_, recorder(), address(server), {.tls = client_layer()}));
  server.close();
  auto closed = loop_.create_task(server.wait_closed());
  turn(10);
  EXPECT_FALSE(closed.done());
  connection.transport->close();
  turn_until([&] { return closed.done(); });
  EXPECT_TRUE(protocols_[0]->lost);
}

TEST_F(TlsConnectionTest, CloseClientsFlushesAndSaysGoodbye) {  // SRV-19
  auto server = serve();
  const auto connection = run(create_connection(loop_, recorder(), address(server), {.tls = client_layer()}));
  turn_until([&] { return !protocols_.empty() && protocols_[0]->transport; });
  const std::string block(4 * 1024 * 1024, 'x');
  protocols_[0]->transport->write(block);
  protocols_[0]->transport->write("bye");
  server.close_clients();
  turn_until_lost(connection);
  EXPECT_EQ(connection.protocol->data.size(), block.size() + 3);
  EXPECT_TRUE(connection.transport->tls()->peer_has_closed());
  turn_until([&] { return protocols_[0]->lost; });
}

TEST_F(TlsConnectionTest, AbortClientsDoesNot) {  // SRV-19
  auto server = serve();
  const auto connection = run(create_connection(loop_, recorder(), address(server), {.tls = client_layer()}));
  turn_until([&] { return !protocols_.empty() && protocols_[0]->transport; });
  server.abort_clients();
  turn_until_lost(connection);
  EXPECT_FALSE(connection.transport->tls()->peer_has_closed());
}

TEST_F(TlsConnectionTest, StreamsRunOverTls) {  // STREAM-01, STREAM-18
  const auto body = []() -> Coro<std::string> {
    auto server =
        co_await start_server(echo, SocketAddress::parse("127.0.0.1:0"), ServerOptions{.tls = server_layer()});
    const auto [reader, writer] =
        co_await open_connection("127.0.0.1", address(server).port(), default_stream_limit, {.tls = client_layer()});
    EXPECT_FALSE(writer->can_write_eof());
    writer->write("over and out");
    const auto answer = co_await reader->readexactly(12);
    writer->close();
    co_await writer->wait_closed();
    EXPECT_TRUE(reader->at_eof());
    server.close();
    co_await server.wait_closed();
    co_return answer.str();
  };
  EXPECT_EQ(run(body()), "over and out");
  EXPECT_THAT(log(), IsEmpty());  // eof_received did not ask to stay open
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(TlsConnectionTest, StreamsRunOverUnixSocketsToo) {
  const Folder folder;
  const auto body = [](std::string path) -> Coro<std::string> {
    auto server = co_await start_unix_server(echo, path, {.tls = server_layer()});
    const auto [reader, writer] = co_await open_unix_connection(path, default_stream_limit, client_layer());
    writer->write("hello");
    const auto answer = co_await reader->readexactly(5);
    writer->close();
    co_await writer->wait_closed();
    server.close();
    co_await server.wait_closed();
    co_return answer.str();
  };
  EXPECT_EQ(run(body(folder.path("stream.sock"))), "hello");
}

// A sum that notices what is lost, doubled or in the wrong place.
class Checksum {
 public:
  void add(std::span<const std::byte> data) {
    for (const auto byte : data) hash_ = (hash_ ^ static_cast<std::uint64_t>(byte)) * 1099511628211u;
    size_ += data.size();
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  friend bool operator==(const Checksum&, const Checksum&) = default;

 private:
  std::uint64_t hash_ = 14695981039346656037u;
  std::size_t size_ = 0;
};

constexpr std::size_t total = 64 * 1024 * 1024;

Coro<Checksum> send_all(Ref<StreamWriter> writer, std::uint32_t seed, std::size_t& most) {
  Checksum sum;
  std::vector<std::byte> block(100'003);
  while (sum.size() < total) {
    for (auto& byte : block) byte = static_cast<std::byte>((seed = seed * 1664525u + 1013904223u) >> 24);
    const auto part = std::span(block).first(std::min(block.size(), total - sum.size()));
    sum.add(part);
    writer->write(part);
    most = std::max(most, writer->transport().get_write_buffer_size());
    co_await writer->drain();
  }
  co_return sum;
}

// Reads in small pieces, and lets others run in between.
Coro<Checksum> receive_all(Ref<StreamReader> reader) {
  Checksum sum;
  for (int i = 0; sum.size() < total; ++i) {
    const auto data = co_await reader->read(20'000);
    if (data.empty()) break;
    sum.add(data);
    if (i % 4 == 0) co_await yield();
  }
  co_return sum;
}

TEST_F(TlsConnectionTest, MuchGoesBothWaysAtOnceInBoundedMemory) {  // TLS-06, STREAM-04
  const auto body = []() -> Coro<void> {
    std::size_t most_there = 0;
    std::size_t most_here = 0;
    std::optional<std::pair<Checksum, Checksum>> there;
    auto server = co_await start_server(
        [&](StreamReader& reader, StreamWriter& writer) -> Coro<void> {
          auto sending = get_running_loop().create_task(send_all(Ref(&writer), 1, most_there));
          const auto received = co_await receive_all(Ref(&reader));
          there.emplace(co_await sending, received);
          static_cast<void>(co_await reader.read());
          writer.close();
        },
        SocketAddress::parse("127.0.0.1:0"), ServerOptions{.tls = server_layer()});
    const auto [reader, writer] =
        co_await open_connection("127.0.0.1", address(server).port(), default_stream_limit, {.tls = client_layer()});
    auto sending = get_running_loop().create_task(send_all(writer, 2, most_here));
    const auto received = co_await receive_all(reader);
    const auto sent = co_await sending;
    writer->close();
    co_await writer->wait_closed();
    server.close();
    co_await server.wait_closed();
    EXPECT_EQ(sent.size(), total);
    EXPECT_EQ(sent, there->second);
    EXPECT_EQ(there->first, received);
    // The mark, and one block more.
    EXPECT_LT(most_here, 640u * 1024);
    EXPECT_LT(most_there, 640u * 1024);
  };
  run(body());
}

TEST_F(TlsConnectionTest, AConnectionKeepsItsServersContextWhoeverResumesIt) {  // SRV-15
  static const ContextVar<std::string> where("where", "nowhere");
  std::vector<std::string> seen;
  Ref<Recorder> protocol(new Recorder);
  protocol->on_made = [&](Recorder& made) {
    seen.push_back("made: " + where.get());
    made.transport->pause_reading();
  };
  protocol->on_data = [&](Recorder&) { seen.push_back("data: " + where.get()); };
  protocol->on_lost = [&](Recorder&) { seen.push_back("lost: " + where.get()); };
  const auto body = [&]() -> Coro<void> {
    where.set("creation");
    auto server =
        co_await create_server(get_running_loop(), [&] { return protocol; }, "127.0.0.1", 0, {.tls = server_layer()});
    where.set("task");
    const auto [reader, writer] =
        co_await open_connection("127.0.0.1", address(server).port(), default_stream_limit, {.tls = client_layer()});
    writer->write("x");
    while (!protocol->transport) co_await yield();
    protocol->transport->resume_reading();
    while (protocol->data.empty()) co_await yield();
    protocol->transport->close();
    writer->close();
    while (!protocol->lost) co_await yield();
    co_await writer->wait_closed();
  };
  run(wait_for(body(), 10s));
  EXPECT_THAT(seen, testing::ElementsAre("made: creation", "data: creation", "lost: creation"));
}

}  // namespace
}  // namespace evloop
