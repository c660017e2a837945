// How a datagram transport receives, sends and ends.

#include "net/datagram_test.h"
#include "net/os_error.h"

namespace evloop {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using DatagramTransportTest = DatagramTest;

TEST_F(DatagramTransportTest, EachDatagramComesWholeWithItsSendersAddress) {  // DGRAM-05
  const auto endpoint = open();
  const auto peer = udp_socket();
  for (const auto* data : {"one", "two", "three"}) send(peer, data, endpoint.transport->sockname());
  turn();
  EXPECT_THAT(endpoint.protocol->received, ElementsAre("one"));  // one for each time it is found readable
  turn(2);
  EXPECT_THAT(endpoint.protocol->received, ElementsAre("one", "two", "three"));
  EXPECT_EQ(endpoint.protocol->sender, SocketAddress::local(peer.get()));
  endpoint.transport->sendto("answer", endpoint.protocol->sender);
  EXPECT_EQ(receive(peer), "answer");
}

TEST_F(DatagramTransportTest, ConnectionMadeComesBeforeAnyDatagram) {  // TRANS-01
  auto socket = udp_socket();
  send(udp_socket(), "early", SocketAddress::local(socket.get()));
  const Ref<DatagramRecorder> protocol(new DatagramRecorder);
  const auto transport = SocketDatagramTransport::create(loop_, std::move(socket), protocol);
  EXPECT_THAT(protocol->calls, IsEmpty());
  turn(2);
  EXPECT_THAT(protocol->calls, ElementsAre("made", "datagram"));
}

TEST_F(DatagramTransportTest, AnErrorOfTheSystemIsToldAndTheEndpointStaysOpen) {  // DGRAM-06
  auto nobody = udp_socket();
  const auto endpoint = open({.remote_addr = SocketAddress::local(nobody.get())});
  nobody.reset();
  endpoint.transport->sendto("refused");
  turn_until([&] { return !endpoint.protocol->errors.empty(); });  // told by the receiving side ...
  EXPECT_EQ(error_code(endpoint.protocol->errors[0]), ECONNREFUSED);
  endpoint.transport->sendto("refused");
  endpoint.transport->sendto("refused");  // ... or by the next send
  EXPECT_THAT(endpoint.protocol->errors, testing::SizeIs(2));
  EXPECT_FALSE(endpoint.transport->is_closing());
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(DatagramTransportTest, ADatagramThatCannotBeSentIsToldAtOnce) {  // DGRAM-06
  const auto endpoint = open();
  endpoint.transport->sendto(std::string(70'000, 'x'), endpoint.transport->sockname());
  ASSERT_EQ(endpoint.protocol->errors.size(), 1u);
  EXPECT_EQ(error_code(endpoint.protocol->errors[0]), EMSGSIZE);
  endpoint.transport->sendto("to nobody");
  EXPECT_EQ(error_code(endpoint.protocol->errors.back()), EDESTADDRREQ);
  endpoint.transport->sendto("goes on", endpoint.transport->sockname());
  turn();
  EXPECT_THAT(endpoint.protocol->received, ElementsAre("goes on"));
}

TEST_F(DatagramTransportTest, ADatagramLargerThanTheReceiveBufferIsAnErrorAndNotCutOff) {
  const auto endpoint = open_pair();
  const int room = 200'000;  // doubled by the kernel
  ASSERT_EQ(::setsockopt(peer_.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
  const std::string large(loop_.receive_buffer().size() + 1, 'x');
  ASSERT_EQ(::send(peer_.get(), large.data(), large.size(), 0), std::ssize(large));
  send_text(peer_, "next");
  turn(2);
  ASSERT_EQ(endpoint.protocol->errors.size(), 1u);
  EXPECT_EQ(error_code(endpoint.protocol->errors[0]), EMSGSIZE);
  EXPECT_THAT(endpoint.protocol->received, ElementsAre("next"));
}

TEST_F(DatagramTransportTest, WhatTheSystemDoesNotTakeWaitsInOrderAsACopy) {  // DGRAM-07
  const auto endpoint = open_pair();
  fill(*endpoint.transport);
  EXPECT_EQ(endpoint.transport->get_write_buffer_size(), 6u + 8u);
  std::string mutable_text = "original";
  endpoint.transport->sendto(mutable_text);
  mutable_text = "replaced";
  EXPECT_EQ(endpoint.transport->get_write_buffer_size(), 6u + 8u + 8u + 8u);
  std::vector<std::string> received;
  turn_until([&] {
    for (auto& datagram : receive_all(peer_)) received.push_back(std::move(datagram));
    return endpoint.transport->get_write_buffer_size() == 0;
  });
  for (auto& datagram : receive_all(peer_)) received.push_back(std::move(datagram));
  ASSERT_GT(received.size(), 2u);
  EXPECT_EQ(received.back(), "original");
  received.pop_back();
  EXPECT_THAT(received, Each("filler"));
  EXPECT_THAT(endpoint.transport->describe(), HasSubstr("read=polling write=<idle, bufsize=0>>"));
}

TEST_F(DatagramTransportTest, EmptyDatagramsAreSentAndQueued) {  // DGRAM-08
  const auto endpoint = open_pair();
  endpoint.transport->sendto("");
  EXPECT_EQ(receive(peer_), "");
  fill(*endpoint.transport);
  endpoint.transport->sendto("");
  EXPECT_EQ(endpoint.transport->get_write_buffer_size(), 6u + 8u + 8u);
  std::vector<std::string> received;
  turn_until([&] {
    for (auto& datagram : receive_all(peer_)) received.push_back(std::move(datagram));
    return !received.empty() && received.back().empty();
  });
  send_text(peer_, "");
  turn();
  EXPECT_THAT(endpoint.protocol->received, ElementsAre(""));
}

TEST_F(DatagramTransportTest, AConnectedEndpointTakesNoAddressButItsPeers) {  // DGRAM-09
  const auto peer = udp_socket();
  const auto where = SocketAddress::local(peer.get());
  const auto endpoint = open({.remote_addr = where});
  endpoint.transport->sendto("one");
  endpoint.transport->sendto("two", where);
  EXPECT_THAT(receive_all(peer), ElementsAre("one", "two"));
  try {
    endpoint.transport->sendto("three", SocketAddress::parse("127.0.0.1:9"));
    FAIL();
  } catch (const ValueError& error) {
    EXPECT_EQ(error.what(), "Invalid address: must be None or " + where.to_string());
  }
}

// Over a unix socket that is not connected, the system takes no datagram for one destination while it takes those for
// others.
class DatagramQueueOrderTest : public DatagramTest {
 protected:
  static UniqueFd named(const SocketAddress& name) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    bind_socket(fd.get(), name);
    return fd;
  }
  static SocketAddress abstract(const std::string& name) {
    return SocketAddress::unix_path(std::string("\0evloop-datagram-", 17) + std::to_string(::getpid()) + name);
  }

  const UniqueFd busy_ = named(abstract("busy"));
  const UniqueFd free_ = named(abstract("free"));
  const Endpoint endpoint_ = open({.family = AF_UNIX});
  DatagramTransport& transport_ = *endpoint_.transport;
  DatagramRecorder& protocol_ = *endpoint_.protocol;
};

TEST_F(DatagramQueueOrderTest, AQueuedDatagramThatFailsIsDroppedAndTheRestIsSent) {  // DGRAM-10
  transport_.set_write_buffer_limits(20, 0);
  fill(transport_, abstract("busy"));
  transport_.sendto("lost", abstract("nobody"));
  transport_.sendto("kept", abstract("free"));
  EXPECT_THAT(protocol_.calls, ElementsAre("made", "pause"));
  turn(3);
  EXPECT_EQ(receive(free_), "nothing");  // in order
  receive_all(busy_);
  turn();
  ASSERT_EQ(protocol_.errors.size(), 1u);
  EXPECT_EQ(error_code(protocol_.errors[0]), ECONNREFUSED);
  EXPECT_EQ(receive(free_), "kept");
  EXPECT_THAT(protocol_.calls, ElementsAre("made", "pause", "error", "resume"));
}

TEST_F(DatagramQueueOrderTest, ErrorReceivedMaySend) {  // DGRAM-10
  protocol_.on_error = [&](DatagramRecorder& self) { self.transport->sendto("from inside", abstract("free")); };
  fill(transport_, abstract("busy"));
  transport_.sendto("lost", abstract("nobody"));
  receive_all(busy_);
  turn();
  EXPECT_EQ(receive(free_), "from inside");
  EXPECT_EQ(transport_.get_write_buffer_size(), 0u);
}

TEST_F(DatagramQueueOrderTest, ErrorReceivedMayCloseOrAbort) {  // DGRAM-10
  for (const bool abort : {false, true}) {
    const auto endpoint = open({.family = AF_UNIX});
    endpoint.transport->set_write_buffer_limits(0);
    endpoint.protocol->on_error = [abort](DatagramRecorder& self) {
      if (abort) {
        self.transport->abort();
      } else {
        self.transport->close();
      }
    };
    fill(*endpoint.transport, abstract("busy"));
    endpoint.transport->sendto("lost", abstract("nobody"));
    endpoint.transport->sendto("behind", abstract("free"));
    receive_all(busy_);
    turn(2);
    EXPECT_EQ(receive(free_), abort ? "nothing" : "behind");
    EXPECT_THAT(endpoint.protocol->calls, ElementsAre("made", "pause", "error", "resume", "lost"));
    receive_all(busy_);
  }
}

TEST_F(DatagramQueueOrderTest, AnErrorReceivedThatThrowsIsReportedAndTheRestIsStillSent) {
  protocol_.on_error = [](DatagramRecorder&) { throw LoopError("no"); };
  fill(transport_, abstract("busy"));
  transport_.sendto("lost", abstract("nobody"));
  transport_.sendto("kept", abstract("free"));
  receive_all(busy_);
  turn(2);
  EXPECT_EQ(reports_.size(), 1u);
  EXPECT_EQ(receive(free_), "kept");
  EXPECT_THAT(transport_.describe(), HasSubstr("write=<idle"));
}

TEST_F(DatagramTransportTest, TheProtocolIsPausedAboveHighAndResumedAtLow) {  // TRANS-21, TRANS-22
  const auto endpoint = open_pair();
  const auto limits = endpoint.transport->get_write_buffer_limits();
  EXPECT_EQ(limits.high, 64u * 1024);
  EXPECT_EQ(limits.low, 16u * 1024);
  endpoint.transport->set_write_buffer_limits(30, 14);
  fill(*endpoint.transport);
  endpoint.transport->sendto("12345678");  // 14 + 16: at the mark
  EXPECT_THAT(endpoint.protocol->calls, ElementsAre("made"));
  endpoint.transport->sendto("");
  EXPECT_THAT(endpoint.protocol->calls, ElementsAre("made", "pause"));
  turn_until([&] {
    receive_all(peer_);
    return endpoint.transport->get_write_buffer_size() == 0;
  });
  EXPECT_THAT(endpoint.protocol->calls, ElementsAre("made", "pause", "resume"));
}

TEST_F(DatagramTransportTest, CloseSendsWhatIsQueuedFirst) {  // DGRAM-11
  const auto endpoint = open_pair();
  fill(*endpoint.transport);
  endpoint.transport->sendto("last");
  endpoint.transport->close();
  endpoint.transport->close();
  EXPECT_TRUE(endpoint.transport->is_closing());
  send_text(peer_, "not read any more");
  std::vector<std::string> received;
  turn_until([&] {
    for (auto& datagram : receive_all(peer_)) received.push_back(std::move(datagram));
    return endpoint.protocol->transport == nullptr;
  });
  for (auto& datagram : receive_all(peer_)) received.push_back(std::move(datagram));
  EXPECT_EQ(received.back(), "last");
  EXPECT_THAT(endpoint.protocol->received, IsEmpty());
  EXPECT_EQ(endpoint.protocol->calls.back(), "lost");
}

TEST_F(DatagramTransportTest, AbortDropsWhatIsQueued) {  // DGRAM-11
  const auto endpoint = open_pair();
  fill(*endpoint.transport);
  endpoint.transport->sendto("dropped");
  endpoint.transport->close();
  endpoint.transport->abort();
  endpoint.transport->abort();
  EXPECT_EQ(endpoint.transport->get_write_buffer_size(), 0u);
  EXPECT_TRUE(endpoint.protocol->transport);  // never inside abort()
  turn();
  EXPECT_THAT(endpoint.protocol->calls, ElementsAre("made", "lost"));
  EXPECT_THAT(receive_all(peer_), Each("filler"));
}

TEST_F(DatagramTransportTest, AfterTheEndSocketAndProtocolAreGoneAndTheNamesStay) {  // TRANS-12, TRANS-29
  const auto peer = udp_socket();
  const auto endpoint = open({.remote_addr = SocketAddress::local(peer.get())});
  const auto name = SocketAddress::local(endpoint.transport->fd());
  endpoint.transport->close();
  for (int i = 0; i < 5; ++i) endpoint.transport->sendto("dropped");
  EXPECT_THAT(log(), ElementsAre("socket.send() raised exception."));
  turn();
  EXPECT_EQ(endpoint.transport->fd(), -1);
  EXPECT_FALSE(endpoint.transport->get_protocol());
  EXPECT_EQ(endpoint.transport->sockname(), name);
  EXPECT_EQ(endpoint.transport->peername(), SocketAddress::local(peer.get()));
  EXPECT_EQ(endpoint.transport->describe(), "<SocketDatagramTransport closed>");
  EXPECT_EQ(receive(peer), "nothing");
  endpoint.transport->close();
  endpoint.transport->abort();
}

TEST_F(DatagramTransportTest, ItsFdCannotBeWatchedByOthersUntilItCloses) {  // FD-06
  const auto endpoint = open();
  const auto fd = endpoint.transport->fd();
  EXPECT_THROW(loop_.add_reader(fd, [] {}), LoopError);
  EXPECT_THROW(
      static_cast<void>(SocketDatagramTransport::create(loop_, UniqueFd(::dup(fd) == -1 ? -1 : fd), endpoint.protocol)),
      LoopError);
}

TEST_F(DatagramTransportTest, AnErrorOfDatagramReceivedIsReportedAndTheEndpointLives) {
  const auto endpoint = open_pair();
  endpoint.protocol->on_datagram = [](DatagramRecorder&) { throw ValueError("bad datagram"); };
  send_text(peer_, "one");
  send_text(peer_, "two");
  turn(2);
  EXPECT_EQ(reports_.size(), 2u);
  EXPECT_THAT(endpoint.protocol->received, ElementsAre("one", "two"));
}

TEST_F(DatagramTransportTest, AProtocolMayReplaceItselfWhileItReceives) {  // TRANS-11
  const auto endpoint = open_pair();
  const Ref<DatagramRecorder> second(new DatagramRecorder);
  endpoint.protocol->on_datagram = [&](DatagramRecorder& self) { self.transport->set_protocol(second); };
  send_text(peer_, "one");
  send_text(peer_, "two");
  turn(2);
  EXPECT_THAT(endpoint.protocol->received, ElementsAre("one"));
  EXPECT_THAT(second->received, ElementsAre("two"));
  EXPECT_EQ(endpoint.transport->get_protocol(), second);
}

TEST_F(DatagramTransportTest, WhatIsLeftWhenTheLoopClosesIsClosedWithAWarning) {  // TRANS-30
  const auto kept = open_pair();
  fill(*kept.transport);
  loop_.close();
  EXPECT_EQ(kept.transport->fd(), -1);
  EXPECT_THAT(kept.protocol->calls, ElementsAre("made"));
  ASSERT_EQ(log().size(), 1u);
  EXPECT_THAT(log()[0], HasSubstr("unclosed transport <SocketDatagramTransport fd="));
  kept.transport->sendto("dropped");
  kept.transport->close();
  kept.transport->abort();
  EXPECT_EQ(kept.transport->loop(), nullptr);
}

}  // namespace
}  // namespace evloop
