// How a transport ends, and who owns it until then.

#include "net/socket_transport.h"
#include "net/transport_group.h"
#include "net/transport_test.h"

namespace evloop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(SocketTransportTest, CloseEndsWithNothingBufferedInALaterCallback) {  // TRANS-26, TRANS-28
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

TEST_F(SocketTransportTest, CloseInsideDataReceivedReadsNoMore) {  // TRANS-26
  connect();
  protocol_->on_data = [](Recorder& self) { self.transport->close(); };
  send_text(peer_, "one");
  turn();
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "data"));
  turn();
  EXPECT_THAT(protocol_->calls, ElementsAre("made", "data", "lost"));
}

TEST_F(SocketTransportTest, AbortDropsTheBufferAlsoAfterClose) {  // TRANS-27
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

TEST_F(SocketTransportTest, AbortInsideEveryCallbackLosesOnce) {  // TRANS-02, TRANS-27, TRANS-28
  using Place = Recorder::Action Recorder::*;
  for (const Place place :
       {&Recorder::on_made, &Recorder::on_data, &Recorder::on_eof, &Recorder::on_pause, &Recorder::on_lost}) {
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

TEST_F(SocketTransportTest, AfterConnectionLostSocketAndProtocolAreGone) {  // TRANS-29
  const auto transport = connect();
  protocol_->on_lost = [](Recorder&) { throw LoopError("at the end"); };
  transport->close();
  turn();
  EXPECT_EQ(reports_.size(), 1u);
  EXPECT_TRUE(at_end(peer_));
  EXPECT_FALSE(transport->get_protocol());
  EXPECT_EQ(transport->fd(), -1);
}

TEST_F(SocketTransportTest, WhatIsLeftWhenTheLoopClosesIsClosedWithAWarning) {  // TRANS-30
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

TEST_F(SocketTransportTest, AlsoThoseThatHadBegunToClose) {  // TRANS-30
  const auto transport = connect();
  fill(*transport, 100'000);
  transport->close();
  loop_.close();
  EXPECT_FALSE(protocol_->lost);
  EXPECT_EQ(log().size(), 1u);
  EXPECT_EQ(transport->fd(), -1);
}

TEST_F(SocketTransportTest, ItsFdCannotBeWatchedByOthersUntilItCloses) {  // FD-06
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

TEST_F(SocketTransportTest, AnotherTransportOnItsFdIsRefused) {  // CONN-10
  const auto transport = connect();
  EXPECT_THROW(static_cast<void>(SocketTransport::create(loop_, UniqueFd(transport->fd()), protocol_)), LoopError);
  // The refused one took over the fd, and closed it (CONN-10).
  EXPECT_TRUE(at_end(peer_));
  transport->abort();
  turn();
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
