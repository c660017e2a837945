#include "workloads/tcp_discard.h"

#include "workloads/workload_test.h"

namespace evloopd::workloads {
namespace {

class TcpDiscardTest : public WorkloadTest {
 protected:
  TcpDiscardTest() { start(TcpDiscardOptions{}); }
};

TEST_F(TcpDiscardTest, TakesAllAndSendsNothing) {
  auto client = connect();
  const std::string chunk(32 * 1024, 'x');
  std::size_t sent = 0;
  EXPECT_TRUE(turn_until([&] {
    sent += client.try_send(chunk);
    return sent > 16U << 20U;
  }));
  EXPECT_TRUE(turn_until([&] { return bytes_in() == sent; }));
  EXPECT_EQ(bytes_out(), 0U);
  client.receive();
  EXPECT_EQ(client.received, "");
  EXPECT_FALSE(client.is_gone());
}

TEST_F(TcpDiscardTest, ClosesWhenItsClientDoes) {
  auto client = connect();
  client.send("last words");
  client.send_eof();
  EXPECT_TRUE(turn_until([&] { return client.has_ended(); }));
  EXPECT_TRUE(turn_until([&] { return share_->connections() == 0; }));
  EXPECT_EQ(bytes_in(), 10U);
  EXPECT_EQ(counters().connections_total, 1U);
  EXPECT_EQ(counters().connections_failed, 0U);
}

TEST_F(TcpDiscardTest, GoesOnDuringADrainAndIsCutByAnAbort) {
  auto client = connect();
  on_loop([&] { share_->drain(); });
  client.send("still here");
  EXPECT_TRUE(turn_until([&] { return bytes_in() == 10; }));
  EXPECT_EQ(share_->connections(), 1U);
  on_loop([&] { share_->abort(); });
  turn(3);
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_TRUE(client.is_gone());
}

}  // namespace
}  // namespace evloopd::workloads
