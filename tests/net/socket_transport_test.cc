// How a transport begins and reads.

#include "net/socket_transport.h"

#include "net/transport_test.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What each receive of `recorder` brings, once it is no longer paused, which it is from its beginning.
void note_sizes(Recorder& recorder, std::vector<std::size_t>& sizes) {
  recorder.on_made = [](Recorder& self) { self.transport->pause_reading(); };
  recorder.on_data = [&sizes, before = std::size_t{0}](Recorder& self) mutable {
    sizes.push_back(self.data.size() - before);
    before = self.data.size();
  };
}

void give_room(const UniqueFd& socket, int bytes) {
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

TEST_F(SocketTransportTest, MadeThenReadingThenTheCreatorIsWoken) {  // TRANS-01
  auto [mine, theirs] = socket_pair();
  send_text(theirs, "early");
  const auto waiter = loop_.create_future<void>();
  std::vector<std::string> seen;
  waiter.add_done_callback([&](const Future<void>&) { seen = protocol_->calls; });
  const auto transport = SocketTransport::create(loop_, std::move(mine), protocol_, nullptr, waiter);
  EXPECT_THAT(protocol_->calls, ElementsAre());
  turn();
  EXPECT_THAT(protocol_->calls, ElementsAre("made"));
  EXPECT_TRUE(waiter.done());
  turn(2);
  EXPECT_THAT(seen, ElementsAre("made"));
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "data"));
  EXPECT_EQ(protocol_->data, "early");
}

TEST_F(SocketTransportTest, EchoesUntilThePeerEndsAndIsLostOnce) {  // TRANS-02, TRANS-06
  connect();
  protocol_->on_data = [](Recorder& self) { self.transport->write(std::exchange(self.data, {})); };
  for (const auto* message : {"one", "two", "three"}) {
    send_text(peer_, message);
    turn();
    EXPECT_EQ(receive_text(peer_), message);
  }
  peer_.reset();
  turn(3);
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "data", "data", "data", "eof", "lost"));
  EXPECT_FALSE(protocol_->error);
}

TEST_F(SocketTransportTest, ReadingPausedInConnectionMadeDoesNotStart) {  // TRANS-04
  protocol_->on_made = [](Recorder& self) { self.transport->pause_reading(); };
  const auto transport = connect();
  send_text(peer_, "data");
  turn(3);
  EXPECT_EQ(protocol_->data, "");
  transport->resume_reading();
  turn();
  EXPECT_EQ(protocol_->data, "data");
}

TEST_F(SocketTransportTest, TakesOneReceivePerTurnAndAtMost256KiB) {  // TRANS-05
  std::vector<std::size_t> sizes;
  note_sizes(*protocol_, sizes);
  auto [mine, theirs] = tcp_pair();
  give_room(theirs, 4 << 20);
  const auto transport = connect(std::move(mine));
  turn();
  const std::string data(512 * 1024, 'x');
  std::size_t sent = 0;
  turn_until([&] {
    const auto now = ::send(theirs.get(), data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
    if (now > 0) sent += static_cast<std::size_t>(now);
    if (sent == data.size()) transport->resume_reading();
    return protocol_->data.size() == data.size();
  });
  EXPECT_GT(sizes.size(), 1u);
  EXPECT_LE(std::ranges::max(sizes), 256u * 1024);
}

TEST_F(SocketTransportTest, ReceivesTwiceAsMuchAfterAFullBufferAndAsBeforeAfterASendTakenInPart) {  // TRANS-05
  std::vector<std::size_t> sizes;
  note_sizes(*protocol_, sizes);
  auto [mine, theirs] = socket_pair();
  give_room(theirs, 1 << 20);
  const auto transport = connect(std::move(mine));
  turn();
  const std::string block(16 * 1024, 'x');
  for (int i = 0; i < 16; ++i) ASSERT_EQ(::send(theirs.get(), block.data(), block.size(), 0), std::ssize(block));
  transport->resume_reading();
  turn_until([&] { return sizes.size() == 2; });
  transport->write(std::string(4 << 20, 'y'));
  turn_until([&] { return protocol_->data.size() == 256 * 1024; });
  EXPECT_THAT(sizes, ElementsAre(64 * 1024, 128 * 1024, 64 * 1024));
}

TEST_F(SocketTransportTest, KeepsAHalfClosedConnectionOpenForWriting) {  // TRANS-06
  protocol_->keep_open = true;
  const auto transport = connect();
  ::shutdown(peer_.get(), SHUT_WR);
  turn(5);
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "eof"));
  EXPECT_FALSE(transport->is_closing());
  transport->write("answer");
  EXPECT_EQ(receive_text(peer_), "answer");
  // Not even by reading on: the end was told.
  transport->pause_reading();
  transport->resume_reading();
  turn(3);
  EXPECT_EQ(times(protocol_->calls, "eof"), 1u);
  transport->close();
  turn();
  EXPECT_EQ(times(protocol_->calls, "lost"), 1u);
}

TEST_F(SocketTransportTest, FlushesBeforeClosingAtTheEndOfData) {  // TRANS-06
  const auto transport = connect();
  fill(*transport, 100'000);
  ::shutdown(peer_.get(), SHUT_WR);
  turn(3);
  EXPECT_TRUE(transport->is_closing());
  EXPECT_FALSE(protocol_->lost);
  EXPECT_GT(drain_peer(), 100'000u);
  EXPECT_TRUE(protocol_->lost);
  EXPECT_FALSE(protocol_->error);
}

TEST_F(SocketTransportTest, AFailingConnectionMadeIsReportedAndTheConnectionLives) {  // TRANS-07
  auto [mine, theirs] = socket_pair();
  const auto waiter = loop_.create_future<void>();
  protocol_->on_made = [](Recorder&) { throw LoopError("no"); };
  const auto transport = SocketTransport::create(loop_, std::move(mine), protocol_, nullptr, waiter);
  turn();
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_THAT(reports_[0], HasSubstr("Exception in callback"));
  EXPECT_TRUE(waiter.done());
  send_text(theirs, "data");
  turn();
  EXPECT_EQ(protocol_->data, "data");
}

TEST_F(SocketTransportTest, AnErrorOfDataReceivedIsFatal) {  // TRANS-08
  protocol_->on_data = [](Recorder&) { throw ValueError("bad data"); };
  connect();
  send_text(peer_, "data");
  turn(2);
  EXPECT_THAT(reports_, ElementsAre("Fatal error: protocol.data_received() call failed."));
  EXPECT_THAT(last_report_.keys(), ElementsAre("exception", "message", "protocol", "transport"));
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "data", "lost"));
  EXPECT_TRUE(holds<ValueError>(protocol_->error));
}

TEST_F(SocketTransportTest, AnErrorOfEofReceivedIsFatal) {  // TRANS-08
  protocol_->on_eof = [](Recorder&) { throw ValueError("bad end"); };
  connect();
  peer_.reset();
  turn(2);
  EXPECT_THAT(reports_, ElementsAre("Fatal error: protocol.eof_received() call failed."));
  EXPECT_TRUE(holds<ValueError>(protocol_->error));
}

TEST_F(SocketTransportTest, AFatalLeavesTheRun) {  // TRANS-08
  protocol_->on_data = [](Recorder&) { throw ExitRequest(3); };
  connect();
  send_text(peer_, "data");
  EXPECT_THROW(turn(), ExitRequest);
}

TEST_F(SocketTransportTest, AResetIsToldToTheProtocolAndNotReported) {  // TRANS-09
  auto [mine, theirs] = tcp_pair();
  const auto transport = connect(std::move(mine));
  turn();
  reset(theirs);
  turn_until([&] { return protocol_->lost; });
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "lost"));
  EXPECT_TRUE(holds<std::system_error>(protocol_->error));
  EXPECT_THAT(reports_, ElementsAre());
}

class Buffered : public BufferedProtocol {
 public:
  std::span<std::byte> get_buffer(std::ptrdiff_t hint) override {
    EXPECT_EQ(hint, -1);
    if (fail) throw ValueError("no memory");
    return std::span(memory).first(size);
  }
  void buffer_updated(std::size_t count) override {
    data += text(std::span(memory).first(count));
    if (fail_updated) throw ValueError("no");
  }
  void connection_lost(std::exception_ptr cause) override { error = std::move(cause); }

  std::array<std::byte, 4> memory{};
  std::size_t size = 4;
  bool fail = false;
  bool fail_updated = false;
  std::string data;
  std::exception_ptr error;
};

TEST_F(SocketTransportTest, ABufferedProtocolReceivesIntoItsOwnMemory) {  // TRANS-10
  const auto transport = connect();
  const Ref<Buffered> buffered(new Buffered);
  transport->set_protocol(buffered);
  send_text(peer_, "buffered");
  turn();
  EXPECT_EQ(buffered->data, "buff");
  turn();
  EXPECT_EQ(buffered->data, "buffered");
}

TEST_F(SocketTransportTest, AnEmptyBufferIsFatal) {  // TRANS-10
  const auto transport = connect();
  const Ref<Buffered> buffered(new Buffered);
  buffered->size = 0;
  transport->set_protocol(buffered);
  send_text(peer_, "data");
  turn(2);
  EXPECT_THAT(reports_, ElementsAre("Fatal error: protocol.get_buffer() call failed."));
  EXPECT_THAT(describe(buffered->error), HasSubstr("get_buffer() returned an empty buffer"));
}

TEST_F(SocketTransportTest, AnErrorOfBufferUpdatedIsFatal) {  // TRANS-08
  const auto transport = connect();
  const Ref<Buffered> buffered(new Buffered);
  buffered->fail_updated = true;
  transport->set_protocol(buffered);
  send_text(peer_, "data");
  turn(2);
  EXPECT_THAT(reports_, ElementsAre("Fatal error: protocol.buffer_updated() call failed."));
  EXPECT_TRUE(holds<ValueError>(buffered->error));
}

TEST_F(SocketTransportTest, AProtocolMayReplaceItselfWhileItReceives) {  // TRANS-11
  const auto transport = connect();
  const Ref<Recorder> second(new Recorder);
  protocol_->on_data = [&](Recorder& self) {
    self.transport->set_protocol(second);
    protocol_ = nullptr;            // the last reference but the transport's
    EXPECT_EQ(self.data, "first");  // still alive
  };
  send_text(peer_, "first");
  turn();
  send_text(peer_, "second");
  turn();
  EXPECT_EQ(second->data, "second");
  EXPECT_EQ(transport->get_protocol().get(), second.get());
}

TEST_F(SocketTransportTest, NamesAreKeptAfterClose) {  // TRANS-12
  auto [mine, theirs] = tcp_pair();
  const auto address = SocketAddress::local(mine.get());
  const auto transport = connect(std::move(mine));
  turn();
  EXPECT_EQ(transport->sockname(), address);
  EXPECT_EQ(transport->peername(), SocketAddress::local(theirs.get()));
  transport->close();
  turn();
  EXPECT_TRUE(protocol_->lost);
  EXPECT_EQ(transport->fd(), -1);
  EXPECT_EQ(transport->sockname(), address);
  EXPECT_THAT(transport->describe(), "<SocketTransport closed>");
}

TEST_F(SocketTransportTest, PausingIsIdempotentAndNothingOnceClosing) {  // TRANS-25
  const auto transport = connect();
  EXPECT_TRUE(transport->is_reading());
  transport->pause_reading();
  transport->pause_reading();
  EXPECT_FALSE(transport->is_reading());
  send_text(peer_, "data");
  turn(2);
  EXPECT_EQ(protocol_->data, "");
  transport->resume_reading();
  transport->resume_reading();
  EXPECT_TRUE(transport->is_reading());
  turn();
  EXPECT_EQ(protocol_->data, "data");
  transport->close();
  EXPECT_FALSE(transport->is_reading());
  transport->pause_reading();
  transport->resume_reading();
  EXPECT_FALSE(transport->is_reading());
}

TEST_F(SocketTransportTest, PausingInsideDataReceivedStopsTheNext) {  // TRANS-25
  const auto transport = connect();
  protocol_->on_data = [](Recorder& self) { self.transport->pause_reading(); };
  send_text(peer_, "one");
  turn();
  send_text(peer_, "two");
  turn(3);
  EXPECT_EQ(protocol_->data, "one");
  transport->resume_reading();
  turn();
  EXPECT_EQ(protocol_->data, "onetwo");
}

TEST_F(SocketTransportTest, PausedAndResumedBeforeItsTurnReadsInTheNextOne) {  // FD-02, TRANS-25
  const auto transport = connect();
  for (int i = 0; i < 3; ++i) {
    send_text(peer_, "data");
    loop_.call_soon([&] {
      transport->pause_reading();
      transport->resume_reading();
    });
    protocol_->data.clear();
    turn();
    EXPECT_EQ(protocol_->data, "");
    turn();
    EXPECT_EQ(protocol_->data, "data");
  }
}

TEST_F(SocketTransportTest, OneThatGoesBeforeItsTurnReadsNothing) {
  auto transport = connect();
  send_text(peer_, "data");
  loop_.call_soon([&] {
    transport->abort();
    transport = nullptr;
  });
  turn(3);
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "lost"));
}

TEST_F(SocketTransportTest, OneByteAtATimeArrivesWhole) {
  connect();
  std::string sent;
  for (int i = 0; i < 200; ++i) {
    sent += static_cast<char>('a' + i % 26);
    send_text(peer_, std::string_view(sent).substr(sent.size() - 1));
    turn();
  }
  EXPECT_EQ(protocol_->data, sent);
}

}  // namespace
}  // namespace evloop
