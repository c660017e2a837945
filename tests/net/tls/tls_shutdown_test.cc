// How connections over TLS end.

#include "net/os_error.h"
#include "net/tls/tls_test.h"

namespace evloop {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class TlsShutdownTest : public TlsTest {
 protected:
  using TlsTest::TlsTest;

  // The handshake is done, and the server's end of the socket does nothing any more.
  void connect_and_silence_server() {
    connect();
    server_.socket->pause_reading();
  }
};

class TlsShutdownTimeTest : public TlsShutdownTest {
 protected:
  TlsShutdownTimeTest() : TlsShutdownTest(Time::is_virtual) {}
};

TEST_F(TlsShutdownTest, BothSidesSayThatTheyClose) {  // TLS-07
  connect();
  client_.transport->close();
  EXPECT_TRUE(client_.transport->is_closing());
  EXPECT_FALSE(client_.protocol->lost);
  turn_until_lost();
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made", "eof", "lost"));
  EXPECT_THAT(server_.protocol->calls, ElementsAre("made", "eof", "lost"));
  EXPECT_FALSE(client_.protocol->error);
  EXPECT_FALSE(server_.protocol->error);
  EXPECT_TRUE(client_.tls().peer_has_closed());
  EXPECT_TRUE(server_.tls().peer_has_closed());
  client_.transport->close();
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(TlsShutdownTest, TheSocketStaysOpenUntilThePeerHasClosedToo) {  // TLS-07
  connect_and_silence_server();
  client_.transport->close();
  turn(5);
  EXPECT_FALSE(client_.protocol->lost);
  EXPECT_GE(client_.transport->fd(), 0);
  server_.socket->resume_reading();
  turn_until_lost();
}

TEST_F(TlsShutdownTest, WhatWasWrittenIsFlushedFirst) {  // TLS-06, TLS-07
  connect();
  const std::string block(5 * 1024 * 1024, 'x');
  server_.transport->pause_reading();
  client_.transport->write(block);
  client_.transport->write("the end");
  EXPECT_GT(client_.transport->get_write_buffer_size(), 0u);
  client_.transport->close();
  turn(3);
  server_.transport->resume_reading();
  turn_until_lost();
  EXPECT_EQ(server_.protocol->data.size(), block.size() + 7);
  EXPECT_TRUE(server_.protocol->data.ends_with("xthe end"));
  EXPECT_FALSE(client_.protocol->error);
  EXPECT_TRUE(server_.tls().peer_has_closed());
}

TEST_F(TlsShutdownTimeTest, APeerThatDoesNotCloseIsGivenUpAfterTheTimeout) {  // TLS-07, TLS-02
  connect_and_silence_server();
  const auto begin = loop_.time();
  client_.transport->close();
  turn_until([&] { return client_.protocol->lost; });
  EXPECT_EQ(loop_.time() - begin, 30s);
  EXPECT_TRUE(holds<TimeoutError>(client_.protocol->error));
  EXPECT_EQ(text_of(client_.protocol->error), "SSL shutdown timed out");
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(TlsShutdownTimeTest, TheTimeoutHoldsForThePeerThatDoesNotRead) {  // TLS-07
  connect(client_layer({.shutdown = 5s}));
  server_.socket->pause_reading();
  client_.transport->write(std::string(5 * 1024 * 1024, 'x'));
  const auto begin = loop_.time();
  client_.transport->close();
  turn_until([&] { return client_.protocol->lost; });
  EXPECT_EQ(loop_.time() - begin, 5s);
  EXPECT_TRUE(holds<TimeoutError>(client_.protocol->error));
}

TEST_F(TlsShutdownTimeTest, TheTimeoutHoldsAlsoForThePeerThatHasEndedAndDoesNotRead) {  // TLS-07
  connect(client_layer({.shutdown = 5s}));
  server_.socket->pause_reading();
  client_.transport->write(std::string(5 * 1024 * 1024, 'x'));
  const auto begin = loop_.time();
  server_.socket->write_eof();
  turn_until([&] { return client_.protocol->lost; });
  EXPECT_EQ(loop_.time() - begin, 5s);
  EXPECT_THAT(client_.protocol->calls, Contains("eof"));
  EXPECT_TRUE(holds<TimeoutError>(client_.protocol->error));
}

TEST_F(TlsShutdownTimeTest, TheTimeoutHoldsForAReaderThatDoesNotReadToTheEnd) {  // TLS-07
  connect();
  server_.transport->pause_reading();
  client_.transport->write("unread");
  client_.socket->write_eof();
  const auto begin = loop_.time();
  turn_until([&] { return server_.protocol->lost; });
  EXPECT_EQ(loop_.time() - begin, 30s);
  EXPECT_TRUE(holds<TimeoutError>(server_.protocol->error));
}

TEST_F(TlsShutdownTest, WhatThePeerSentBeforeItClosedComesBeforeTheEnd) {  // TLS-08
  connect();
  const std::string block(1024 * 1024, 'x');
  client_.transport->write(block);
  client_.transport->close();
  turn_until_lost();
  EXPECT_EQ(server_.protocol->data.size(), block.size());
  ASSERT_GE(server_.protocol->calls.size(), 2u);
  EXPECT_EQ(server_.protocol->calls[server_.protocol->calls.size() - 2], "eof");
  EXPECT_EQ(times(server_.protocol->calls, "eof"), 1u);
}

TEST_F(TlsShutdownTest, ASlowReaderGetsAllThatThePeerSentBeforeItClosed) {  // TLS-08
  connect();
  const std::string block(1024 * 1024, 'x');
  server_.transport->pause_reading();
  client_.transport->write(block);
  client_.transport->close();
  for (int i = 0; i < 20; ++i) turn();
  EXPECT_THAT(server_.protocol->calls, ElementsAre("made"));
  server_.protocol->on_data = [&](Recorder& self) {
    self.transport->pause_reading();
    loop_.call_soon([transport = Ref(self.transport)] { transport->resume_reading(); });
  };
  server_.transport->resume_reading();
  turn_until_lost();
  EXPECT_EQ(server_.protocol->data.size(), block.size());
  EXPECT_EQ(server_.protocol->calls.back(), "lost");
}

TEST_F(TlsShutdownTest, ASlowReaderGetsAllThatCameBeforeThePeerWasGone) {  // TLS-08
  connect();
  server_.transport->pause_reading();
  client_.transport->write("one ");
  client_.transport->write("two");
  client_.socket->close();  // without a word
  turn(10);
  EXPECT_THAT(server_.protocol->calls, ElementsAre("made"));
  server_.transport->resume_reading();
  turn_until_lost();
  EXPECT_EQ(server_.protocol->data, "one two");
  EXPECT_EQ(server_.protocol->calls.back(), "lost");
  EXPECT_FALSE(server_.protocol->error);
}

TEST_F(TlsShutdownTest, APeerThatIsGoneWithoutAWordIsAnEndLikeAnother) {
  connect();
  client_.transport->write("data");
  client_.socket->close();
  turn_until_lost();
  EXPECT_THAT(server_.protocol->calls, ElementsAre("made", "data", "eof", "lost"));
  EXPECT_FALSE(server_.protocol->error);
  EXPECT_FALSE(server_.tls().peer_has_closed());  // but one can tell
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made", "lost"));
}

TEST_F(TlsShutdownTest, CloseDoesNotWaitForAReaderThatPaused) {  // TLS-07
  connect();
  server_.transport->pause_reading();
  client_.transport->write("unread");
  client_.socket->write_eof();
  turn(5);
  server_.transport->close();
  EXPECT_THAT(server_.protocol->calls, ElementsAre("made"));
  turn_until_lost();
  EXPECT_EQ(server_.protocol->data, "");
  EXPECT_FALSE(server_.protocol->error);
}

TEST_F(TlsShutdownTest, ThereIsNoHalfClose) {  // TLS-09
  connect();
  EXPECT_FALSE(client_.transport->can_write_eof());
  EXPECT_THROW(client_.transport->write_eof(), LoopError);
  server_.protocol->keep_open = true;
  client_.transport->close();
  turn_until_lost();
  EXPECT_THAT(log(), Contains("returning true from eof_received() has no effect when using ssl"));
}

TEST_F(TlsShutdownTest, AnAnswerToTheEndIsStillSent) {
  connect();
  server_.protocol->on_eof = [](Recorder& self) { self.transport->write("goodbye"); };
  client_.transport->write("hello");
  client_.transport->close();
  turn_until_lost();
  EXPECT_FALSE(client_.protocol->error);
  EXPECT_EQ(client_.protocol->data, "");  // nobody reads it after close
}

TEST_F(TlsShutdownTest, AnErrorOfEofReceivedIsReported) {
  connect();
  server_.protocol->on_eof = [](Recorder&) { throw std::runtime_error("no end"); };
  client_.transport->close();
  turn_until_lost();
  EXPECT_THAT(reports_, ElementsAre("Error calling eof_received()"));
  EXPECT_EQ(text_of(server_.protocol->error), "no end");
}

TEST_F(TlsShutdownTest, WritesAfterCloseAreDroppedAndTheFifthIsLogged) {  // TLS-10
  connect();
  client_.transport->close();
  for (int i = 0; i < 4; ++i) client_.transport->write("late");
  EXPECT_THAT(log(), IsEmpty());
  client_.transport->write("late");
  EXPECT_THAT(log(), ElementsAre("SSL connection is closed"));
  const std::array chunks{bytes("late"), bytes("later")};
  client_.transport->writelines(chunks);
  EXPECT_EQ(log().size(), 2u);
  turn_until_lost();
  client_.transport->write("too late");
  EXPECT_EQ(log().size(), 3u);
  EXPECT_EQ(server_.protocol->data, "");
}

TEST_F(TlsShutdownTest, WhatComesAfterCloseIsDropped) {  // TLS-10
  connect();
  server_.transport->write("crossing");
  client_.transport->close();
  turn_until_lost();
  EXPECT_EQ(client_.protocol->data, "");
  EXPECT_FALSE(client_.protocol->error);
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made", "eof", "lost"));
}

TEST_F(TlsShutdownTest, APeerThatKeepsSendingDoesNotDisturbTheEnd) {
  connect();
  const std::string block(2 * 1024 * 1024, 'x');
  server_.transport->write(block);
  client_.transport->close();
  turn_until_lost();
  EXPECT_FALSE(client_.protocol->error);
  EXPECT_FALSE(server_.protocol->error);
}

TEST_F(TlsShutdownTest, CloseInDataReceivedDropsWhatFollows) {
  connect();
  server_.protocol->on_data = [](Recorder& self) { self.transport->close(); };
  client_.transport->write("one");
  client_.transport->write("two");
  turn_until_lost();
  EXPECT_EQ(server_.protocol->data, "one");
  EXPECT_FALSE(server_.protocol->error);
}

TEST_F(TlsShutdownTest, ResumeWritingMayClose) {  // TRANS-23
  connect();
  client_.protocol->on_resume = [](Recorder& self) { self.transport->close(); };
  server_.transport->pause_reading();
  const std::string block(100'000, 'x');
  std::size_t written = 0;
  while (times(client_.protocol->calls, "pause") == 0) {
    client_.transport->write(block);
    written += block.size();
  }
  server_.transport->resume_reading();
  turn_until_lost();
  EXPECT_EQ(server_.protocol->data.size(), written);
  EXPECT_EQ(times(client_.protocol->calls, "lost"), 1u);
}

TEST_F(TlsShutdownTest, AResetIsTold) {
  auto [mine, theirs] = tcp_pair();
  begin(client_, client_layer(), std::move(mine));
  begin(server_, server_layer(), std::move(theirs));
  turn_until([&] { return client_.made.done() && server_.made.done(); });
  turn(4);
  server_.socket->pause_reading();
  client_.transport->write("unread");
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(server_.socket->fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  server_.transport->abort();
  turn_until_lost();
  EXPECT_TRUE(is_connection_error(client_.protocol->error));
  EXPECT_THAT(client_.protocol->calls, ElementsAre("made", "lost"));
  EXPECT_THAT(reports_, IsEmpty());
}

// --- TLS over TLS ---

TEST_F(TlsShutdownTest, TlsRunsOverTls) {  // TLS-14
  connect();
  Side inner_client;
  Side inner_server;
  const auto put_on = [&](Side& inner, Side& outer, const std::shared_ptr<const TlsLayer>& layer) {
    inner.made = loop_.create_future();
    auto [below, transport] = layer->wrap(loop_, inner.protocol, "localhost", inner.made);
    inner.transport = transport;
    outer.transport->set_protocol(below);
    loop_.call_soon([below, outer = outer.transport] { below->connection_made(*outer); });
  };
  put_on(inner_client, client_, client_layer());
  put_on(inner_server, server_, server_layer());
  turn_until([&] { return inner_client.made.done() && inner_server.made.done(); });
  ASSERT_TRUE(inner_client.is_made());
  const std::string block(3 * 1024 * 1024, 'x');
  inner_client.transport->write(block);
  inner_server.transport->write("answer");
  turn_until([&] { return inner_client.protocol->data == "answer"; });
  inner_client.transport->write("the end");
  inner_client.transport->close();
  turn_until([&] { return inner_client.protocol->lost && inner_server.protocol->lost; });
  EXPECT_EQ(inner_server.protocol->data.size(), block.size() + 7);
  EXPECT_FALSE(inner_client.protocol->error);
  EXPECT_FALSE(inner_server.protocol->error);
  EXPECT_EQ(client_.socket->fd(), -1);
  turn();
  EXPECT_EQ(loop_.port()->stats.timers_live.get(), 0u);
}

TEST_F(TlsShutdownTest, ClosingInTheHandshakeOfTlsOverTlsEndsBoth) {  // TLS-14
  connect();
  Side inner;
  inner.made = loop_.create_future();
  auto [below, transport] = client_layer()->wrap(loop_, inner.protocol, "localhost", inner.made);
  inner.transport = transport;
  client_.transport->set_protocol(below);
  loop_.call_soon([below, outer = client_.transport] { below->connection_made(*outer); });
  below = nullptr;
  turn(3);
  inner.transport->close();
  turn_until([&] { return inner.made.done() && server_.protocol->lost; });
  EXPECT_TRUE(inner.made.exception());
  EXPECT_THAT(inner.protocol->calls, IsEmpty());
  EXPECT_EQ(client_.socket->fd(), -1);
}

}  // namespace
}  // namespace evloop
