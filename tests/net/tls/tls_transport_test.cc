#include "net/tls/tls_transport.h"

#include "net/tls/tls_test.h"

namespace evloop {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class TlsTransportTest : public TlsTest {
 protected:
  // Writes until the transport below is full, and something stays here.
  void fill(Transport& transport) {
    const std::string block(16 * 1024, 'x');
    for (int i = 0; transport.get_write_buffer_size() == 0; ++i) {
      ASSERT_LT(i, 10'000);
      transport.write(block);
    }
  }
  void turn_until_received(std::size_t size) {
    turn_until([&] { return server_.protocol->data.size() >= size; });
  }
};

TEST_F(TlsTransportTest, CarriesBytesBothWays) {  // TLS-01
  connect();
  client_.transport->write("ping");
  turn_until_received(4);
  server_.transport->write("pong");
  turn_until([&] { return client_.protocol->data.size() == 4; });
  EXPECT_EQ(server_.protocol->data, "ping");
  EXPECT_EQ(client_.protocol->data, "pong");
}

TEST_F(TlsTransportTest, WritelinesIsOneWriteOfAll) {  // TRANS-16
  connect();
  const std::array chunks{bytes("one "), bytes(""), bytes("two "), bytes("three")};
  client_.transport->writelines(chunks);
  turn_until_received(13);
  EXPECT_EQ(server_.protocol->data, "one two three");
  client_.transport->writelines({});
  client_.transport->write("");
  EXPECT_EQ(client_.transport->get_write_buffer_size(), 0u);
}

TEST_F(TlsTransportTest, ARecordOfEverySizeArrives) {
  connect();
  std::string all;
  for (const std::size_t size : {1u, 100u, 16'383u, 16'384u, 16'385u, 70'000u, 300'000u}) {
    const std::string block(size, static_cast<char>('a' + size % 26));
    client_.transport->write(block);
    all += block;
    turn_until_received(all.size());
  }
  EXPECT_EQ(server_.protocol->data, all);
}

TEST_F(TlsTransportTest, HasMarksOfItsOwn) {  // TLS-06
  connect();
  const auto& transport = *client_.transport;
  EXPECT_EQ(transport.get_write_buffer_limits().high, 512u * 1024);
  EXPECT_EQ(transport.get_write_buffer_limits().low, 128u * 1024);
  client_.transport->set_write_buffer_limits(1000);
  EXPECT_EQ(transport.get_write_buffer_limits().low, 250u);
  client_.transport->set_write_buffer_limits(std::nullopt, 1000);
  EXPECT_EQ(transport.get_write_buffer_limits().high, 4000u);
  client_.transport->set_write_buffer_limits();
  EXPECT_EQ(transport.get_write_buffer_limits().high, 512u * 1024);
}

TEST_F(TlsTransportTest, WhatTheTransportBelowTakesDoesNotCount) {  // TLS-06
  connect();
  server_.transport->pause_reading();
  const std::string block(8 * 1024 * 1024, 'x');
  client_.transport->write(block);
  EXPECT_GT(client_.socket->get_write_buffer_size(), 1024u * 1024);
  EXPECT_EQ(client_.transport->get_write_buffer_size(), 0u);
  client_.transport->write("more");
  EXPECT_GT(client_.transport->get_write_buffer_size(), 4u);
  server_.transport->resume_reading();
  turn_until_received(block.size() + 4);
  EXPECT_EQ(client_.transport->get_write_buffer_size(), 0u);
  EXPECT_EQ(client_.socket->get_write_buffer_size(), 0u);
}

TEST_F(TlsTransportTest, ToBeAtTheHighMarkPauses) {  // TLS-06
  connect();
  server_.transport->pause_reading();
  fill(*client_.transport);
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made"));
  const auto size = client_.transport->get_write_buffer_size();
  client_.transport->set_write_buffer_limits(size + 1);
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made"));
  client_.transport->set_write_buffer_limits(size);
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made", "pause"));
  server_.transport->resume_reading();
  turn_until([&] { return client_.protocol->calls.back() == "resume"; });
  EXPECT_LE(client_.transport->get_write_buffer_size(), size / 4);
}

TEST_F(TlsTransportTest, PausesAndResumesInPairs) {  // TLS-06, TRANS-22
  connect();
  server_.transport->pause_reading();
  const std::string block(100'000, 'x');
  std::size_t written = 0;
  for (int round = 0; round < 3; ++round) {
    while (times(client_.protocol->calls, "pause") == times(client_.protocol->calls, "resume")) {
      client_.transport->write(block);
      written += block.size();
    }
    EXPECT_GE(client_.transport->get_write_buffer_size(), 512u * 1024);
    server_.transport->resume_reading();
    turn_until([&] { return client_.protocol->calls.back() == "resume"; });
    server_.transport->pause_reading();
  }
  EXPECT_EQ(times(client_.protocol->calls, "pause"), 3u);
  EXPECT_EQ(times(client_.protocol->calls, "resume"), 3u);
  server_.transport->resume_reading();
  turn_until_received(written);
}

TEST_F(TlsTransportTest, AReaderThatPausesStopsTheSocketAtItsMark) {  // TLS-06
  connect();
  server_.transport->pause_reading();
  EXPECT_FALSE(server_.transport->is_reading());
  const std::string block(64 * 1024, 'x');
  std::size_t written = 0;
  while (written < 3 * 1024 * 1024) {
    client_.transport->write(block);
    written += block.size();
    turn();
  }
  EXPECT_FALSE(server_.socket->is_reading());
  EXPECT_EQ(server_.protocol->data, "");
  server_.transport->resume_reading();
  EXPECT_TRUE(server_.transport->is_reading());
  turn_until_received(written);
  EXPECT_TRUE(server_.socket->is_reading());
}

TEST_F(TlsTransportTest, PausingInDataReceivedHoldsTheNextRecord) {
  connect();
  server_.protocol->on_data = [](Recorder& self) { self.transport->pause_reading(); };
  client_.transport->write("one");
  client_.transport->write("two");
  turn_until_received(3);
  turn(4);
  EXPECT_EQ(server_.protocol->data, "one");
  server_.transport->resume_reading();
  EXPECT_EQ(server_.protocol->data, "one");  // never from inside
  turn_until_received(6);
  EXPECT_EQ(server_.protocol->data, "onetwo");
}

TEST_F(TlsTransportTest, PausingAndResumingAreIdempotentAndNothingWhenClosing) {  // TRANS-25
  connect();
  server_.transport->resume_reading();
  server_.transport->pause_reading();
  server_.transport->pause_reading();
  server_.transport->resume_reading();
  server_.transport->resume_reading();
  client_.transport->write("data");
  turn_until_received(4);
  server_.transport->close();
  server_.transport->resume_reading();
  server_.transport->pause_reading();
  EXPECT_FALSE(server_.transport->is_reading());
  turn_until_lost();
}

TEST_F(TlsTransportTest, PausingInConnectionMadeHoldsTheFirstByte) {  // TRANS-04
  auto [mine, theirs] = socket_pair();
  client_.protocol->on_made = [](Recorder& self) { self.transport->write("early"); };
  server_.protocol->on_made = [](Recorder& self) { self.transport->pause_reading(); };
  begin(client_, client_layer(), std::move(mine));
  begin(server_, server_layer(), std::move(theirs));
  turn_until([&] { return client_.made.done() && server_.made.done(); });
  turn(5);
  EXPECT_EQ(server_.protocol->data, "");
  server_.transport->resume_reading();
  turn_until_received(5);
}

class Buffered final : public BufferedProtocol {
 public:
  std::span<std::byte> get_buffer(std::ptrdiff_t) override {
    if (empty) return {};
    return buffer;
  }
  void buffer_updated(std::size_t count) override {
    ++updates;
    data += text(std::span(buffer).first(count));
  }
  bool eof_received() override {
    ended = true;
    return false;
  }
  void connection_lost(std::exception_ptr cause) override { error = std::move(cause); }

  std::array<std::byte, 10> buffer{};
  std::string data;
  int updates = 0;
  bool empty = false;
  bool ended = false;
  std::exception_ptr error;
};

TEST_F(TlsTransportTest, ABufferedProtocolReceivesIntoItsOwnBuffer) {  // TRANS-10, TRANS-11
  connect();
  const Ref<Buffered> buffered(new Buffered);
  server_.transport->set_protocol(buffered);
  EXPECT_EQ(server_.transport->get_protocol().get(), buffered.get());
  client_.transport->write("abc");
  client_.transport->write("defghijklmnopqrstuvwxyz");
  turn_until([&] { return buffered->data.size() == 26; });
  EXPECT_EQ(buffered->data, "abcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(buffered->updates, 3);  // each as full as can be
  client_.transport->close();
  turn_until([&] { return client_.protocol->lost; });
  EXPECT_TRUE(buffered->ended);
  EXPECT_FALSE(buffered->error);
}

TEST_F(TlsTransportTest, AnEmptyBufferIsAnError) {  // TRANS-10
  connect();
  const Ref<Buffered> buffered(new Buffered);
  buffered->empty = true;
  server_.transport->set_protocol(buffered);
  client_.transport->write("abc");
  turn_until([&] { return static_cast<bool>(buffered->error); });
  EXPECT_EQ(text_of(buffered->error), "get_buffer() returned an empty buffer");
}

TEST_F(TlsTransportTest, AnErrorOfDataReceivedIsFatalAndReported) {
  connect();
  server_.protocol->on_data = [](Recorder&) { throw std::runtime_error("cannot take it"); };
  client_.transport->write("data");
  turn_until([&] { return server_.protocol->lost; });
  EXPECT_EQ(text_of(server_.protocol->error), "cannot take it");
  EXPECT_THAT(reports_, ElementsAre("Fatal error on SSL protocol"));
  EXPECT_THAT(last_report_.more["transport"], StartsWith("<TlsTransport"));
}

TEST_F(TlsTransportTest, ABrokenRecordEndsTheConnectionUnreported) {
  connect();
  client_.socket->write("this is no record of TLS");
  turn_until_lost();
  EXPECT_TRUE(holds<TlsError>(server_.protocol->error));
  EXPECT_THAT(server_.protocol->calls, ElementsAre("made", "lost"));
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(TlsTransportTest, AForgedRecordIsNotBelieved) {
  connect();
  client_.socket->write(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  turn_until([&] { return server_.protocol->lost; });
  EXPECT_THAT(text_of(server_.protocol->error), HasSubstr("bad record mac"));
  EXPECT_EQ(server_.protocol->data, "");
}

TEST_F(TlsTransportTest, AbortDropsWhatIsBuffered) {  // TRANS-27
  connect();
  server_.transport->pause_reading();
  fill(*client_.transport);
  client_.transport->abort();
  EXPECT_TRUE(client_.transport->is_closing());
  EXPECT_FALSE(client_.protocol->lost);  // never from inside
  turn_until([&] { return client_.protocol->lost; });
  EXPECT_EQ(client_.transport->get_write_buffer_size(), 0u);
  EXPECT_FALSE(client_.protocol->error);
  client_.transport->abort();
}

TEST_F(TlsTransportTest, KnowsItsSocket) {  // TRANS-12
  auto [mine, theirs] = tcp_pair();
  const int fd = mine.get();
  begin(client_, client_layer(), std::move(mine));
  begin(server_, server_layer(), std::move(theirs));
  turn_until([&] { return client_.made.done() && server_.made.done(); });
  EXPECT_EQ(client_.transport->fd(), fd);
  EXPECT_EQ(client_.transport->peername(), server_.transport->sockname());
  EXPECT_EQ(client_.transport->loop(), &loop_);
  EXPECT_THAT(client_.transport->describe(), StartsWith("<TlsTransport over <SocketTransport fd="));
  client_.transport->close();
  turn_until_lost();
  EXPECT_EQ(client_.transport->fd(), -1);
  EXPECT_EQ(client_.transport->loop(), nullptr);
  EXPECT_EQ(client_.transport->peername().host(), "127.0.0.1");
}

// The leak checker sees whether all are gone.
TEST_F(TlsTransportTest, AClosedLoopLeavesNothingBehind) {  // TLS-14
  connect();
  client_.transport->write("on its way");
  loop_.close();
  EXPECT_EQ(client_.transport->loop(), nullptr);
  EXPECT_TRUE(client_.transport->is_closing());
  client_.transport->write("dropped");
  client_.transport->close();
  client_.transport->abort();
  client_.transport->resume_reading();
  EXPECT_FALSE(client_.protocol->lost);
}

TEST_F(TlsTransportTest, ALoopClosedBeforeConnectionLostLeavesNothingBehind) {  // TLS-14
  connect();
  client_.transport->abort();
  turn(1);  // the socket's connection_lost has run, the protocol's has not
  EXPECT_FALSE(client_.protocol->lost);
  loop_.close();
  EXPECT_EQ(client_.transport->loop(), nullptr);
  EXPECT_FALSE(client_.transport->get_protocol());
}

TEST_F(TlsTransportTest, FinishedConnectionsLeaveNoTimers) {  // TLS-14
  const auto& timers = loop_.port()->stats.timers_live;
  connect();
  client_.transport->close();
  turn_until_lost();
  turn(1);
  EXPECT_EQ(timers.get(), 0u);
}

}  // namespace
}  // namespace evloop
