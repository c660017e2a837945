#include "workloads/tcp_echo.h"

#include "workloads/workload_test.h"

namespace evloopd::workloads {
namespace {

class TcpEchoTest : public WorkloadTest {
 protected:
  TcpEchoTest() { start(TcpEchoOptions{}); }
};

TEST_F(TcpEchoTest, SendsBackWhatItGets) {
  auto client = connect();
  client.send("hello");
  EXPECT_TRUE(turn_until([&] { return client.has_received(5); }));
  client.send(", world");
  EXPECT_TRUE(turn_until([&] { return client.has_received(12); }));
  EXPECT_EQ(client.received, "hello, world");
}

TEST_F(TcpEchoTest, SendsAllBackBeforeItCloses) {
  auto client = connect();
  client.send("last words");
  client.send_eof();
  EXPECT_TRUE(turn_until([&] { return client.has_ended(); }));
  EXPECT_EQ(client.received, "last words");
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
}

TEST_F(TcpEchoTest, StopsReadingFromAClientThatDoesNotRead) {
  auto client = connect(evloop::socket_pair());
  const std::string chunk(32 * 1024, 'x');
  std::size_t sent = 0;
  for (int turns_without = 0; turns_without < 20;) {
    const auto taken = client.try_send(chunk);
    sent += taken;
    turns_without = taken > 0 ? 0 : turns_without + 1;
    ASSERT_LT(sent, 64U << 20U) << "takes without end";
    turn();
  }
  // What is read then is not lost.
  EXPECT_TRUE(turn_until([&] { return client.has_received(sent); }));
  EXPECT_EQ(client.received, std::string(sent, 'x'));
}

TEST_F(TcpEchoTest, CountsConnectionsAndBytes) {
  auto first = connect();
  auto second = connect();
  EXPECT_EQ(share_->connections(), 2U);
  EXPECT_EQ(counters().connections_open, 2U);
  first.send("abc");
  EXPECT_TRUE(turn_until([&] { return first.has_received(3); }));
  EXPECT_EQ(bytes_in(), 3U);
  EXPECT_EQ(bytes_out(), 3U);
  first.close();
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 1; }));
  EXPECT_EQ(counters().connections_open, 1U);
  EXPECT_EQ(counters().connections_total, 2U);
  EXPECT_EQ(counters().connections_failed, 0U);
}

TEST_F(TcpEchoTest, GoesOnDuringADrain) {
  auto client = connect();
  on_loop([&] { share_->drain(); });
  pass(10s);
  client.send("still here");
  EXPECT_TRUE(turn_until([&] { return client.has_received(10); }));
  EXPECT_EQ(share_->connections(), 1U);
}

TEST_F(TcpEchoTest, CutsEverythingOnAbort) {
  auto first = connect();
  auto second = connect();
  turn();
  on_loop([&] { share_->abort(); });
  turn(3);
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_TRUE(first.is_gone());
  EXPECT_TRUE(second.is_gone());
}

TEST_F(TcpEchoTest, MayGoWithConnectionsOpen) {
  auto used = connect();
  turn();
  auto fresh = connect();  // not even begun
  share_.reset();
  EXPECT_EQ(counters().connections_open, 0U);
  turn(3);
  EXPECT_TRUE(used.is_gone());
  EXPECT_TRUE(fresh.is_gone());
}

TEST_F(TcpEchoTest, OutlivesALoopThatClosesFirst) {
  auto client = connect();
  turn();
  loop_.close();
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_TRUE(client.is_gone());
}

}  // namespace
}  // namespace evloopd::workloads
