#include "net/start_tls.h"

#include "aio/settled.h"
#include "net/os_error.h"
#include "net/tls/tls_test.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StartTlsTest : public TlsTest {
 protected:
  using TlsTest::TlsTest;

  // A plain connection between both sides.
  void connect_plainly() {
    auto [mine, theirs] = socket_pair();
    client_.socket = SocketTransport::create(loop_, std::move(mine), client_.protocol);
    server_.socket = SocketTransport::create(loop_, std::move(theirs), server_.protocol);
    turn(2);
  }
  template <class Layer>
  Task<Ref<Transport>> upgrade(Side& side, const Layer& layer) {
    return loop_.create_task(start_tls(side.socket, side.protocol, layer));
  }
  void upgrade_both() {
    auto client = upgrade(client_, client_layer());
    auto server = upgrade(server_, server_layer());
    turn_until([&] { return client.done() && server.done(); });
    client_.transport = client.result();
    server_.transport = server.result();
  }
};

class StartTlsTimeTest : public StartTlsTest {
 protected:
  StartTlsTimeTest() : StartTlsTest(Time::is_virtual) {}
};

TEST_F(StartTlsTest, UpgradesAConnectionInPlace) {  // TLS-11
  connect_plainly();
  client_.socket->write("plain");
  turn_until([&] { return server_.protocol->data == "plain"; });
  upgrade_both();
  EXPECT_NE(client_.transport.get(), client_.socket.get());
  ASSERT_TRUE(client_.transport->tls());
  client_.transport->write("secret");
  server_.transport->write("answer");
  turn_until([&] { return server_.protocol->data == "plainsecret" && client_.protocol->data == "answer"; });
  client_.transport->close();
  turn_until_lost();
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made", "data", "eof", "lost"));  // made once
  EXPECT_FALSE(client_.protocol->error);
  EXPECT_FALSE(server_.protocol->error);
}

TEST_F(StartTlsTest, UpgradesABufferedProtocol) {  // TLS-11
  class Buffered final : public BufferedProtocol {
   public:
    std::span<std::byte> get_buffer(std::ptrdiff_t) override { return buffer; }
    void buffer_updated(std::size_t count) override { data += text(std::span(buffer).first(count)); }
    std::array<std::byte, 64> buffer{};
    std::string data;
  };
  connect_plainly();
  const Ref<Buffered> buffered(new Buffered);
  client_.socket->set_protocol(buffered);
  auto client = loop_.create_task(start_tls(client_.socket, buffered, client_layer()));
  auto server = upgrade(server_, server_layer());
  turn_until([&] { return client.done() && server.done(); });
  server.result()->write("hello");
  turn_until([&] { return buffered->data == "hello"; });
  client.result()->abort();
}

TEST_F(StartTlsTest, NoByteReachesTheWrongSide) {  // TLS-12
  connect_plainly();
  // The client's first bytes are there before the server begins.
  auto client = upgrade(client_, client_layer());
  auto server = upgrade(server_, server_layer());
  turn_until([&] { return client.done() && server.done(); });
  EXPECT_EQ(server_.protocol->data, "");
  EXPECT_EQ(client_.protocol->data, "");
  EXPECT_TRUE(server.result()->tls());
}

TEST_F(StartTlsTest, WhatAServersReaderHoldsAlreadyIsTls) {  // TLS-12
  auto [mine, theirs] = socket_pair();
  const Ref<StreamReaderProtocol> protocol(new StreamReaderProtocol(loop_));
  const Ref<Transport> socket(SocketTransport::create(loop_, std::move(theirs), protocol));
  client_.socket = SocketTransport::create(loop_, std::move(mine), client_.protocol);
  turn(2);
  auto client = upgrade(client_, client_layer());
  turn(5);
  const auto writer = protocol->make_writer(socket);
  auto server = loop_.create_task(writer->start_tls(server_layer()));
  turn_until([&] { return client.done() && server.done(); });
  ASSERT_FALSE(server.exception());
  client.result()->write("hello\n");
  EXPECT_EQ(run(protocol->reader().readline()), "hello\n");
  writer->close();
  turn_until([&] { return client_.protocol->lost; });
}

TEST_F(StartTlsTest, AFailureClosesTheConnectionAndTellsTheProtocol) {  // TLS-13
  connect_plainly();
  auto client = upgrade(client_, tls_client({.context = TestTls::client(), .server_hostname = "example.org"}));
  auto server = upgrade(server_, server_layer());
  turn_until([&] { return client.done() && server.done(); });
  EXPECT_TRUE(holds<CertificateError>(client.exception()));
  turn_until_lost();
  EXPECT_TRUE(holds<CertificateError>(client_.protocol->error));
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made", "lost"));
  EXPECT_EQ(client_.socket->fd(), -1);
}

TEST_F(StartTlsTimeTest, ASilentPeerIsGivenUp) {  // TLS-02, TLS-13
  connect_plainly();
  auto client = upgrade(client_, client_layer({.handshake = 10s}));
  turn_until([&] { return client.done(); });
  EXPECT_EQ(text_of(client.exception()), "SSL handshake is taking longer than 10 seconds: aborting the connection");
  turn_until([&] { return client_.protocol->lost; });
  EXPECT_EQ(client_.socket->fd(), -1);
}

TEST_F(StartTlsTest, CancelledAnywhereItClosesTheConnection) {  // TLS-13, TLS-14
  const auto before = open_fds();
  bool finished = false;
  for (int turns = 1; !finished; ++turns) {  // with none it has not begun
    ASSERT_LT(turns, 100);
    client_ = {};
    server_ = {};
    connect_plainly();
    auto client = upgrade(client_, client_layer());
    auto server = upgrade(server_, server_layer());
    turn(turns);
    finished = client.done();
    if (finished) {
      client.result()->abort();
    } else {
      client.cancel();
    }
    turn_until([&] { return client.done() && server.done() && client_.protocol->lost && server_.protocol->lost; });
    EXPECT_EQ(client.cancelled(), !finished);
    turn(2);
    static_cast<void>(server.exception());
    EXPECT_EQ(open_fds(), before);
    EXPECT_THAT(loop_.all_tasks(), IsEmpty());
    EXPECT_EQ(times(client_.protocol->calls, "lost"), 1u);
  }
  EXPECT_EQ(loop_.port()->stats.timers_live.get(), 0u);
}

TEST_F(StartTlsTest, RefusesWhatIsNoLayerAndNoTransportOfItsKind) {  // TLS-13
  connect_plainly();
  EXPECT_EQ(error_of<TypeError>(start_tls(client_.socket, client_.protocol, TlsClient())),
            "sslcontext is expected to be an instance of ssl.SSLContext, got None");
  class Other final : public FlowControlledTransport {
   public:
    explicit Other(EventLoop& loop) : FlowControlledTransport(loop, nullptr) {}
    void write(std::span<const std::byte>) override {}
    void writelines(std::span<const std::span<const std::byte>>) override {}
    void write_eof() override {}
    [[nodiscard]] bool can_write_eof() const noexcept override { return false; }
    void close() override {}
    void abort() override {}
    void pause_reading() override {}
    void resume_reading() override {}
    [[nodiscard]] bool is_reading() const noexcept override { return false; }
    [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override { return 0; }
    void set_protocol(Ref<BaseProtocol>) override {}
    [[nodiscard]] int fd() const noexcept override { return -1; }
    [[nodiscard]] const SocketAddress& sockname() const override { return none; }
    [[nodiscard]] const SocketAddress& peername() const override { return none; }
    [[nodiscard]] std::string describe() const override { return "<Other>"; }
    SocketAddress none;
  };
  EXPECT_EQ(error_of<TypeError>(start_tls(Ref<Transport>(Ref(new Other(loop_))), client_.protocol, client_layer())),
            "transport <Other> is not supported by start_tls()");
  EXPECT_EQ(
      error_of<ValueError>(start_tls(client_.socket, client_.protocol, tls_client({.context = TestTls::client()}))),
      "check_hostname requires server_hostname");
  EXPECT_FALSE(client_.socket->is_closing());
  client_.socket->close();
  EXPECT_EQ(error_of<LoopError>(start_tls(client_.socket, client_.protocol, client_layer())), "Transport is closing");
}

TEST_F(StartTlsTest, AWriterIsUpgradedWithItsReader) {  // STREAM-19
  const auto body = []() -> Coro<std::string> {
    std::string heard;
    auto server = co_await start_server(
        [&heard](StreamReader& reader, StreamWriter& writer) -> Coro<void> {
          heard += (co_await reader.readline()).view();
          writer.write("go ahead\n");
          co_await writer.start_tls(server_layer());
          heard += (co_await reader.readline()).view();
          writer.write("good\n");
          heard += (co_await reader.read()).view();
          writer.close();
          co_await writer.wait_closed();
        },
        SocketAddress::parse("127.0.0.1:0"));
    const auto [reader, writer] = co_await open_connection(address(server));
    const Ref<Transport> plain(&writer->transport());
    writer->write("STARTTLS\n");
    heard += (co_await reader->readline()).view();
    co_await writer->start_tls(client_layer());
    EXPECT_NE(&writer->transport(), plain.get());
    EXPECT_FALSE(writer->can_write_eof());
    writer->write("secret\n");
    heard += (co_await reader->readline()).view();
    writer->close();
    co_await writer->wait_closed();
    server.close();
    co_await server.wait_closed();
    co_return heard;
  };
  EXPECT_EQ(run(body()), "STARTTLS\ngo ahead\nsecret\ngood\n");
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(StartTlsTest, APauseOfTheProtocolFromBeforeEndsAfterwards) {  // TRANS-22
  connect_plainly();
  server_.socket->pause_reading();
  const std::string block(2 * 1024 * 1024, 'x');
  client_.socket->write(block);
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made", "pause"));
  auto client = upgrade(client_, client_layer());
  turn(3);
  server_.socket->resume_reading();
  turn_until([&] { return server_.protocol->data.size() > block.size(); });
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made", "pause", "resume"));
  client.cancel();
  turn_until([&] { return client.done(); });
}

}  // namespace
}  // namespace evloop
