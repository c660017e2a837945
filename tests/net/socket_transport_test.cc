#include "net/socket_transport.h"

#include "net/net_test.h"
#include "net/os_error.h"
#include "net/recorder.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::size_t times(const std::vector<std::string>& calls, std::string_view call) {
  return static_cast<std::size_t>(std::ranges::count(calls, call));
}

class SocketTransportTest : public NetTest {
 protected:
  // Makes the transport; the protocol knows it after one turn.
  Ref<SocketTransport> connect(UniqueFd fd) { return SocketTransport::create(loop_, std::move(fd), protocol_); }
  // A connection to `peer_` that has begun.
  Ref<SocketTransport> connect() {
    auto [mine, theirs] = socket_pair();
    peer_ = std::move(theirs);
    auto transport = connect(std::move(mine));
    turn();
    return transport;
  }
  // Fills the socket and then the buffer, up to `more` bytes in it.
  void fill(Transport& transport, std::size_t more) {
    const std::string block(4096, 'x');
    while (transport.get_write_buffer_size() == 0) transport.write(block);
    const auto size = transport.get_write_buffer_size();
    ASSERT_LE(size, more);
    transport.write(std::string(more - size, 'x'));
  }
  std::size_t drain_peer() {
    std::size_t count = 0;
    turn_until([&] {
      count += receive_text(peer_).size();
      return !protocol_->transport || protocol_->transport->get_write_buffer_size() == 0;
    });
    return count + receive_text(peer_).size();
  }

  UniqueFd peer_;
  Ref<Recorder> protocol_{new Recorder};
};

TEST_F(SocketTransportTest, Trans01MadeThenReadingThenTheCreatorIsWoken) {
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

TEST_F(SocketTransportTest, Trans02EchoesUntilThePeerEndsAndIsLostOnce) {
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

TEST_F(SocketTransportTest, Trans04ReadingPausedInConnectionMadeDoesNotStart) {
  protocol_->on_made = [](Recorder& self) { self.transport->pause_reading(); };
  const auto transport = connect();
  send_text(peer_, "data");
  turn(3);
  EXPECT_EQ(protocol_->data, "");
  transport->resume_reading();
  turn();
  EXPECT_EQ(protocol_->data, "data");
}

TEST_F(SocketTransportTest, Trans05TakesOneReceivePerTurnAndAtMost256KiB) {
  std::vector<std::size_t> sizes;
  auto [mine, theirs] = tcp_pair();
  const int room = 4 << 20;
  ::setsockopt(theirs.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  protocol_->on_data = [&, before = std::size_t{0}](Recorder& self) mutable {
    sizes.push_back(self.data.size() - before);
    before = self.data.size();
  };
  const auto transport = connect(std::move(mine));
  protocol_->on_made = [](Recorder& self) { self.transport->pause_reading(); };
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

TEST_F(SocketTransportTest, Trans06KeepsAHalfClosedConnectionOpenForWriting) {
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

TEST_F(SocketTransportTest, Trans06FlushesBeforeClosingAtTheEndOfData) {
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

TEST_F(SocketTransportTest, Trans07AFailingConnectionMadeIsReportedAndTheConnectionLives) {
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

TEST_F(SocketTransportTest, Trans08AnErrorOfDataReceivedIsFatal) {
  protocol_->on_data = [](Recorder&) { throw ValueError("bad data"); };
  connect();
  send_text(peer_, "data");
  turn(2);
  EXPECT_THAT(reports_, ElementsAre("Fatal error: protocol.data_received() call failed."));
  EXPECT_THAT(last_report_.keys(), ElementsAre("exception", "message", "protocol", "transport"));
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "data", "lost"));
  EXPECT_TRUE(holds<ValueError>(protocol_->error));
}

TEST_F(SocketTransportTest, Trans08AnErrorOfEofReceivedIsFatal) {
  protocol_->on_eof = [](Recorder&) { throw ValueError("bad end"); };
  connect();
  peer_.reset();
  turn(2);
  EXPECT_THAT(reports_, ElementsAre("Fatal error: protocol.eof_received() call failed."));
  EXPECT_TRUE(holds<ValueError>(protocol_->error));
}

TEST_F(SocketTransportTest, Trans08AFatalLeavesTheRun) {
  protocol_->on_data = [](Recorder&) { throw ExitRequest(3); };
  connect();
  send_text(peer_, "data");
  EXPECT_THROW(turn(), ExitRequest);
}

TEST_F(SocketTransportTest, Trans09AResetIsToldToTheProtocolAndNotReported) {
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

TEST_F(SocketTransportTest, Trans10ABufferedProtocolReceivesIntoItsOwnMemory) {
  const auto transport = connect();
  const Ref<Buffered> buffered(new Buffered);
  transport->set_protocol(buffered);
  send_text(peer_, "buffered");
  turn();
  EXPECT_EQ(buffered->data, "buff");
  turn();
  EXPECT_EQ(buffered->data, "buffered");
}

TEST_F(SocketTransportTest, Trans10AnEmptyBufferIsFatal) {
  const auto transport = connect();
  const Ref<Buffered> buffered(new Buffered);
  buffered->size = 0;
  transport->set_protocol(buffered);
  send_text(peer_, "data");
  turn(2);
  EXPECT_THAT(reports_, ElementsAre("Fatal error: protocol.get_buffer() call failed."));
  EXPECT_THAT(describe(buffered->error), HasSubstr("get_buffer() returned an empty buffer"));
}

TEST_F(SocketTransportTest, Trans08AnErrorOfBufferUpdatedIsFatal) {
  const auto transport = connect();
  const Ref<Buffered> buffered(new Buffered);
  buffered->fail_updated = true;
  transport->set_protocol(buffered);
  send_text(peer_, "data");
  turn(2);
  EXPECT_THAT(reports_, ElementsAre("Fatal error: protocol.buffer_updated() call failed."));
  EXPECT_TRUE(holds<ValueError>(buffered->error));
}

TEST_F(SocketTransportTest, Trans11AProtocolMayReplaceItselfWhileItReceives) {
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

TEST_F(SocketTransportTest, Trans12NamesAreKeptAfterClose) {
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

TEST_F(SocketTransportTest, Trans14KeepsTheOrderWhenTheSystemTakesOnlyPart) {
  const auto transport = connect();
  std::string sent;
  for (int i = 0; sent.size() < 2'000'000; ++i) {
    const auto chunk = std::to_string(i) + ",";
    transport->write(chunk);
    sent += chunk;
  }
  EXPECT_GT(transport->get_write_buffer_size(), 0u);
  std::string received;
  turn_until([&] {
    received += receive_text(peer_);
    return received.size() >= sent.size();
  });
  EXPECT_EQ(received, sent);
  turn();
  EXPECT_EQ(transport->get_write_buffer_size(), 0u);
  EXPECT_THAT(transport->describe(), HasSubstr("write=<idle"));
}

TEST_F(SocketTransportTest, Trans15WhatIsWrittenIsCopied) {
  const auto transport = connect();
  fill(*transport, 5000);
  std::string mutable_text = "original";
  transport->write(mutable_text);
  mutable_text = "replaced";
  std::string received;
  turn_until([&] {
    received += receive_text(peer_);
    return transport->get_write_buffer_size() == 0;
  });
  received += receive_text(peer_);
  EXPECT_TRUE(received.ends_with("xoriginal"));
}

TEST_F(SocketTransportTest, Trans16WritelinesIsOneWriteOfAll) {
  const auto transport = connect();
  std::vector<std::string> lines;
  std::string all;
  for (int i = 0; i < 300; ++i) all += lines.emplace_back(i % 3 == 0 ? "" : std::to_string(i));
  std::vector<std::span<const std::byte>> chunks;
  for (const auto& line : lines) chunks.push_back(bytes(line));
  transport->writelines(chunks);
  EXPECT_EQ(receive_text(peer_), all);
  transport->writelines({});
  EXPECT_EQ(transport->get_write_buffer_size(), 0u);
}

TEST_F(SocketTransportTest, Trans16WritelinesBuffersTheRestAndPauses) {
  const auto transport = connect();
  const std::string big(300'000, 'a');
  const std::string small = "end";
  const std::array chunks{bytes(big), bytes(""), bytes(big), bytes(small)};
  transport->writelines(chunks);
  EXPECT_EQ(times(protocol_->calls, "pause"), 1u);
  transport->writelines(chunks);
  EXPECT_EQ(times(protocol_->calls, "pause"), 1u);
  std::string received;
  turn_until([&] {
    received += receive_text(peer_);
    return received.size() >= 2 * (2 * big.size() + small.size());
  });
  EXPECT_EQ(received, big + big + small + big + big + small);
  EXPECT_EQ(times(protocol_->calls, "resume"), 1u);
}

TEST_F(SocketTransportTest, Trans17AFailingWriteThrowsNothingAndIsToldLater) {
  const auto transport = connect();
  peer_.reset();
  transport->write("lost");
  EXPECT_TRUE(transport->is_closing());
  EXPECT_FALSE(protocol_->lost);
  turn();
  EXPECT_TRUE(is_connection_error(protocol_->error));
  EXPECT_EQ(times(protocol_->calls, "lost"), 1u);
  EXPECT_THAT(reports_, ElementsAre());
}

TEST_F(SocketTransportTest, Trans17AFailingFlushIsToldLater) {
  const auto transport = connect();
  fill(*transport, 100'000);
  peer_.reset();
  turn_until([&] { return protocol_->lost; });
  EXPECT_TRUE(is_connection_error(protocol_->error));
  EXPECT_EQ(transport->get_write_buffer_size(), 0u);
}

TEST_F(SocketTransportTest, Trans18WritesToALostConnectionAreDroppedAndTheFifthIsLogged) {
  const auto transport = connect();
  transport->abort();
  for (int i = 0; i < 4; ++i) transport->write("dropped");
  EXPECT_THAT(log(), ElementsAre());
  transport->write("dropped");
  EXPECT_THAT(log(), ElementsAre("socket.send() raised exception."));
  const std::array chunks{bytes("dropped")};
  transport->writelines(chunks);
  EXPECT_EQ(log().size(), 2u);
  turn();
  transport->write("after connection_lost");
  EXPECT_EQ(log().size(), 3u);
}

TEST_F(SocketTransportTest, Trans19WritesAfterCloseAreFlushedWhileDataIsBuffered) {
  const auto transport = connect();
  fill(*transport, 10'000);
  transport->close();
  transport->write("tail");
  std::string received;
  turn_until([&] {
    received += receive_text(peer_);
    return protocol_->lost;
  });
  received += receive_text(peer_);
  EXPECT_TRUE(received.ends_with("xtail"));
  EXPECT_TRUE(at_end(peer_));
}

TEST_F(SocketTransportTest, Trans20WriteEofEndsTheSendingSideAfterTheFlush) {
  protocol_->keep_open = true;
  const auto transport = connect();
  EXPECT_TRUE(transport->can_write_eof());
  fill(*transport, 10'000);
  transport->write_eof();
  transport->write_eof();
  drain_peer();
  EXPECT_TRUE(at_end(peer_));
  send_text(peer_, "still read");
  turn();
  EXPECT_EQ(protocol_->data, "still read");
  const std::array chunks{bytes("x")};
  try {
    transport->write("x");
    FAIL();
  } catch (const LoopError& error) {
    EXPECT_STREQ(error.what(), "Cannot call write() after write_eof()");
  }
  try {
    transport->writelines(chunks);
    FAIL();
  } catch (const LoopError& error) {
    EXPECT_STREQ(error.what(), "Cannot call writelines() after write_eof()");
  }
}

TEST_F(SocketTransportTest, Trans20WriteEofDoesNothingWhenClosing) {
  const auto transport = connect();
  fill(*transport, 10'000);
  transport->close();
  transport->write_eof();
  transport->write("tail");
  EXPECT_EQ(transport->get_write_buffer_size(), 10'004u);
}

TEST_F(SocketTransportTest, Trans21LimitsHaveDefaultsThatFollowEachOther) {
  const auto transport = connect();
  const auto limits = [&] {
    const auto now = transport->get_write_buffer_limits();
    return std::pair(now.low, now.high);
  };
  EXPECT_EQ(limits(), std::pair(16u * 1024uz, 64u * 1024uz));
  transport->set_write_buffer_limits(400);
  EXPECT_EQ(limits(), std::pair(100uz, 400uz));
  transport->set_write_buffer_limits(std::nullopt, 50);
  EXPECT_EQ(limits(), std::pair(50uz, 200uz));
  transport->set_write_buffer_limits();
  EXPECT_EQ(limits(), std::pair(16u * 1024uz, 64u * 1024uz));
  try {
    transport->set_write_buffer_limits(1, 2);
    FAIL();
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(), "high (1) must be >= low (2) must be >= 0");
  }
}

TEST_F(SocketTransportTest, Trans22PausesAboveHighAndResumesAtLowInPairs) {
  const auto transport = connect();
  const std::string block(4096, 'x');
  while (transport->get_write_buffer_size() == 0) transport->write(block);
  transport->set_write_buffer_limits(20'000, 10'000);
  transport->write(std::string(20'000 - transport->get_write_buffer_size(), 'x'));
  EXPECT_EQ(times(protocol_->calls, "pause"), 0u);
  transport->write("x");
  EXPECT_EQ(times(protocol_->calls, "pause"), 1u);
  transport->write(block);
  EXPECT_EQ(times(protocol_->calls, "pause"), 1u);
  std::size_t at_resume = 0;
  protocol_->on_resume = [&](Recorder& self) { at_resume = self.transport->get_write_buffer_size(); };
  drain_peer();
  EXPECT_EQ(times(protocol_->calls, "resume"), 1u);
  EXPECT_LE(at_resume, 10'000u);
}

TEST_F(SocketTransportTest, Trans22NewLimitsPauseAtOnce) {
  const auto transport = connect();
  fill(*transport, 5000);
  transport->set_write_buffer_limits(0);
  EXPECT_EQ(times(protocol_->calls, "pause"), 1u);
  protocol_->on_resume = [](Recorder& self) { EXPECT_EQ(self.transport->get_write_buffer_size(), 0u); };
  drain_peer();
  EXPECT_EQ(times(protocol_->calls, "resume"), 1u);
}

TEST_F(SocketTransportTest, Trans23ResumeWritingMayWriteMore) {
  const auto transport = connect();
  protocol_->on_resume = [](Recorder& self) {
    self.on_resume = nullptr;
    self.transport->write(std::string(200'000, 'y'));
  };
  fill(*transport, 100'000);
  EXPECT_GT(drain_peer(), 300'000u);
  EXPECT_EQ(times(protocol_->calls, "pause"), 2u);
  EXPECT_EQ(times(protocol_->calls, "resume"), 2u);
}

TEST_F(SocketTransportTest, Trans23ResumeWritingMayCloseOrAbort) {
  for (const bool abort : {false, true}) {
    protocol_ = Ref(new Recorder);
    const auto transport = connect();
    transport->set_write_buffer_limits(50'000, 0);
    protocol_->on_resume = [abort](Recorder& self) {
      if (abort) {
        self.transport->abort();
      } else {
        self.transport->close();
      }
      EXPECT_FALSE(self.lost);
    };
    fill(*transport, 100'000);
    drain_peer();
    turn(2);
    EXPECT_EQ(times(protocol_->calls, "lost"), 1u);
    EXPECT_FALSE(protocol_->error);
  }
}

TEST_F(SocketTransportTest, Trans24ErrorsOfPauseAndResumeAreReportedAndTheConnectionLives) {
  const auto transport = connect();
  protocol_->on_pause = protocol_->on_resume = [](Recorder&) { throw LoopError("no"); };
  fill(*transport, 100'000);
  drain_peer();
  EXPECT_THAT(reports_, ElementsAre("protocol.pause_writing() failed", "protocol.resume_writing() failed"));
  EXPECT_FALSE(transport->is_closing());
}

TEST_F(SocketTransportTest, Trans25PausingIsIdempotentAndNothingOnceClosing) {
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

TEST_F(SocketTransportTest, Trans25PausingInsideDataReceivedStopsTheNext) {
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

TEST_F(SocketTransportTest, Trans26CloseEndsWithNothingBufferedInALaterCallback) {
  const auto transport = connect();
  transport->close();
  transport->close();
  EXPECT_TRUE(transport->is_closing());
  EXPECT_FALSE(protocol_->lost);
  turn(2);
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "lost"));
  EXPECT_FALSE(protocol_->error);
  EXPECT_TRUE(at_end(peer_));
}

TEST_F(SocketTransportTest, Trans26CloseInsideDataReceivedReadsNoMore) {
  connect();
  protocol_->on_data = [](Recorder& self) { self.transport->close(); };
  send_text(peer_, "one");
  turn();
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "data"));
  turn();
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "data", "lost"));
}

TEST_F(SocketTransportTest, Trans27AbortDropsTheBufferAlsoAfterClose) {
  const auto transport = connect();
  fill(*transport, 100'000);
  transport->close();
  turn(2);
  EXPECT_FALSE(protocol_->lost);
  transport->abort();
  transport->abort();
  EXPECT_EQ(transport->get_write_buffer_size(), 0u);
  EXPECT_FALSE(protocol_->lost);
  turn(2);
  EXPECT_EQ(times(protocol_->calls, "lost"), 1u);
  EXPECT_FALSE(protocol_->error);
}

TEST_F(SocketTransportTest, Trans27AbortInsideEveryCallbackLosesOnce) {
  using Place = Recorder::Action Recorder::*;
  for (const Place place : {&Recorder::on_made, &Recorder::on_data, &Recorder::on_eof, &Recorder::on_pause,
                            &Recorder::on_lost}) {
    protocol_ = Ref(new Recorder);
    (*protocol_).*place = [](Recorder& self) {
      if (self.transport) self.transport->abort();
    };
    const auto transport = connect();
    transport->write(std::string(1'000'000, 'x'));
    send_text(peer_, "data");
    turn();
    peer_.reset();
    turn(4);
    EXPECT_EQ(times(protocol_->calls, "lost"), 1u);
    EXPECT_EQ(protocol_->calls.back(), "lost");
  }
}

TEST_F(SocketTransportTest, Trans29AfterConnectionLostSocketAndProtocolAreGone) {
  const auto transport = connect();
  protocol_->on_lost = [](Recorder&) { throw LoopError("at the end"); };
  transport->close();
  turn();
  EXPECT_EQ(reports_.size(), 1u);
  EXPECT_TRUE(at_end(peer_));
  EXPECT_FALSE(transport->get_protocol());
  EXPECT_EQ(transport->fd(), -1);
}

TEST_F(SocketTransportTest, Trans30WhatIsLeftWhenTheLoopClosesIsClosedWithAWarning) {
  struct Witness : Recorder {
    explicit Witness(bool& flag) : gone(flag) {}
    ~Witness() override { gone = true; }
    bool& gone;
  };
  bool gone = false;
  bool paused_gone = false;
  auto [mine, theirs] = socket_pair();
  auto [mine_too, theirs_too] = socket_pair();
  static_cast<void>(SocketTransport::create(loop_, std::move(mine), Ref(new Witness(gone))));
  const auto kept = SocketTransport::create(loop_, std::move(mine_too), Ref(new Witness(paused_gone)));
  turn();
  kept->pause_reading();  // nothing watches it any more; the loop still holds it
  EXPECT_FALSE(gone);
  loop_.close();
  EXPECT_TRUE(gone);
  EXPECT_TRUE(paused_gone);
  EXPECT_TRUE(at_end(theirs));
  EXPECT_TRUE(at_end(theirs_too));
  ASSERT_EQ(log().size(), 2u);
  EXPECT_THAT(log()[0], HasSubstr("unclosed transport <SocketTransport fd="));
  // It is closed for good, and knows no loop any more.
  kept->write("dropped");
  kept->resume_reading();
  kept->write_eof();
  kept->close();
  kept->abort();
  EXPECT_EQ(kept->loop(), nullptr);
}

TEST_F(SocketTransportTest, Trans30AlsoThoseThatHadBegunToClose) {
  const auto transport = connect();
  fill(*transport, 100'000);
  transport->close();
  loop_.close();
  EXPECT_FALSE(protocol_->lost);
  EXPECT_EQ(log().size(), 1u);
  EXPECT_EQ(transport->fd(), -1);
}

TEST_F(SocketTransportTest, Fd06ItsFdCannotBeWatchedByOthersUntilItCloses) {
  const auto transport = connect();
  const auto fd = transport->fd();
  const std::string used = "File descriptor " + std::to_string(fd) + " is used by transport <SocketTransport";
  const auto expect_refused = [&](auto call) {
    try {
      call();
      ADD_FAILURE();
    } catch (const LoopError& error) {
      EXPECT_THAT(error.what(), HasSubstr(used));
    }
  };
  expect_refused([&] { loop_.add_reader(fd, [] {}); });
  expect_refused([&] { loop_.add_writer(fd, [] {}); });
  expect_refused([&] { loop_.remove_reader(fd); });
  expect_refused([&] { loop_.remove_writer(fd); });
  fill(*transport, 10'000);
  transport->close();
  EXPECT_NO_THROW(loop_.remove_reader(fd));
}

TEST_F(SocketTransportTest, AnotherTransportOnItsFdIsRefused) {
  const auto transport = connect();
  EXPECT_THROW(static_cast<void>(SocketTransport::create(loop_, UniqueFd(transport->fd()), protocol_)), LoopError);
  // The refused one took over the fd, and closed it (CONN-10).
  EXPECT_TRUE(at_end(peer_));
  transport->abort();
  turn();
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

TEST_F(SocketTransportTest, GroupsCountConnectionsUntilTheyAreLost) {
  const Ref<TransportGroup> group(new TransportGroup);
  std::vector<UniqueFd> peers;
  std::vector<Ref<Recorder>> protocols;
  for (int i = 0; i < 3; ++i) {
    auto [mine, theirs] = socket_pair();
    peers.push_back(std::move(theirs));
    static_cast<void>(SocketTransport::create(loop_, std::move(mine), protocols.emplace_back(new Recorder), group));
  }
  EXPECT_EQ(group->size(), 3u);
  turn();
  protocols[1]->transport->close();
  EXPECT_EQ(group->size(), 3u);
  turn();
  EXPECT_EQ(group->size(), 2u);
  group->close_all();
  turn();
  EXPECT_TRUE(group->empty());
  EXPECT_TRUE(protocols[0]->lost && protocols[2]->lost);
}

}  // namespace
}  // namespace evloop
