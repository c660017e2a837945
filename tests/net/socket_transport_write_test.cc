// How a transport writes, and tells its protocol to pause.

#include <limits>

#include "net/os_error.h"
#include "net/socket_transport.h"
#include "net/transport_test.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(SocketTransportTest, KeepsTheOrderWhenTheSystemTakesOnlyPart) {  // TRANS-14
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

TEST_F(SocketTransportTest, WritingNothingDoesNothing) {  // TRANS-13
  const auto transport = connect();
  transport->write("");
  fill(*transport, 10'000);
  transport->write("");
  transport->writelines({});
  EXPECT_EQ(transport->get_write_buffer_size(), 10'000u);
}

TEST_F(SocketTransportTest, WhatIsWrittenIsCopied) {  // TRANS-15
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

TEST_F(SocketTransportTest, WritelinesIsOneWriteOfAll) {  // TRANS-16
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

TEST_F(SocketTransportTest, WritelinesBuffersTheRestAndPauses) {  // TRANS-16
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

TEST_F(SocketTransportTest, AFailingWriteThrowsNothingAndIsToldLater) {  // TRANS-17
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

TEST_F(SocketTransportTest, AFailingFlushIsToldLater) {  // TRANS-17
  const auto transport = connect();
  fill(*transport, 100'000);
  peer_.reset();
  turn_until([&] { return protocol_->lost; });
  EXPECT_TRUE(is_connection_error(protocol_->error));
  EXPECT_EQ(transport->get_write_buffer_size(), 0u);
}

TEST_F(SocketTransportTest, WritesToALostConnectionAreDroppedAndTheFifthIsLogged) {  // TRANS-18
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

TEST_F(SocketTransportTest, WritesAfterCloseAreFlushedWhileDataIsBuffered) {  // TRANS-19
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

TEST_F(SocketTransportTest, WriteEofEndsTheSendingSideAfterTheFlush) {  // TRANS-20
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

TEST_F(SocketTransportTest, WriteEofDoesNothingWhenClosing) {  // TRANS-20
  const auto transport = connect();
  fill(*transport, 10'000);
  transport->close();
  transport->write_eof();
  transport->write("tail");
  EXPECT_EQ(transport->get_write_buffer_size(), 10'004u);
}

TEST_F(SocketTransportTest, LimitsHaveDefaultsThatFollowEachOther) {  // TRANS-21
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

TEST_F(SocketTransportTest, WithoutALimitItNeverPauses) {  // TRANS-21
  const auto transport = connect();
  transport->set_write_buffer_limits(std::numeric_limits<std::size_t>::max());
  fill(*transport, 1'000'000);
  EXPECT_EQ(times(protocol_->calls, "pause"), 0u);
}

TEST_F(SocketTransportTest, PausesAboveHighAndResumesAtLowInPairs) {  // TRANS-03, TRANS-22
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

TEST_F(SocketTransportTest, NewLimitsPauseAtOnce) {  // TRANS-22
  const auto transport = connect();
  fill(*transport, 5000);
  transport->set_write_buffer_limits(0);
  EXPECT_EQ(times(protocol_->calls, "pause"), 1u);
  protocol_->on_resume = [](Recorder& self) { EXPECT_EQ(self.transport->get_write_buffer_size(), 0u); };
  drain_peer();
  EXPECT_EQ(times(protocol_->calls, "resume"), 1u);
}

TEST_F(SocketTransportTest, ResumeWritingMayWriteMore) {  // TRANS-23
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

TEST_F(SocketTransportTest, ResumeWritingMayCloseOrAbort) {  // TRANS-23
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

TEST_F(SocketTransportTest, ErrorsOfPauseAndResumeAreReportedAndTheConnectionLives) {  // TRANS-24
  const auto transport = connect();
  protocol_->on_pause = protocol_->on_resume = [](Recorder&) { throw LoopError("no"); };
  fill(*transport, 100'000);
  drain_peer();
  EXPECT_THAT(reports_, ElementsAre("protocol.pause_writing() failed", "protocol.resume_writing() failed"));
  EXPECT_FALSE(transport->is_closing());
}

}  // namespace
}  // namespace evloop
