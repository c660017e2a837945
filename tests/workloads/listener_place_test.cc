// Every kind holds a connection's place at its listener for as long as it is open, and not longer.

#include "host/listener_limit.h"

#include <memory>
#include <string>
#include <vector>

#include "workloads/proxy_test.h"

namespace evloopd::workloads {
namespace {

class ListenerPlaces : public TcpProxyTest, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    limit_->set({.max_connections = 10});
    if (GetParam() == "tcp.echo") start(TcpEchoOptions{});
    if (GetParam() == "tcp.discard") start(TcpDiscardOptions{});
    if (GetParam() == "http.respond") start(HttpRespondOptions{});
    if (GetParam() == "tcp.proxy") start_to({upstream_.address()});
  }
  Peer come() {
    EXPECT_EQ(limit_->enter(loop_.time()), evloop::Duration::zero());
    auto peer = connect(evloop::tcp_pair(), host::ListenerPlace(limit_));
    turn(5);
    return peer;
  }
  // Loops end what was aborted within a few turns.
  [[nodiscard]] testing::AssertionResult all_have_left() {
    return turn_until([&] { return limit_->open() == 0; });
  }

  const std::shared_ptr<host::ListenerLimit> limit_ = std::make_shared<host::ListenerLimit>();
  Backend upstream_;
};

TEST_P(ListenerPlaces, AreHeldUntilTheClientIsGone) {
  auto one = come();
  auto other = come();
  EXPECT_EQ(limit_->open(), 2U);
  one.reset();
  EXPECT_TRUE(turn_until([&] { return limit_->open() == 1; }));
  turn(5);
  EXPECT_EQ(limit_->open(), 1U);
  other.reset();
  EXPECT_TRUE(all_have_left());
}

TEST_P(ListenerPlaces, AreGivenBackWhenTheConnectionsAreCut) {
  const auto one = come(), other = come();
  on_loop([&] { share_->abort(); });
  EXPECT_TRUE(all_have_left());
}

TEST_P(ListenerPlaces, AreGivenBackWhenTheShareGoes) {
  const auto one = come(), other = come();
  on_loop([&] { share_.reset(); });
  EXPECT_TRUE(all_have_left());
}

INSTANTIATE_TEST_SUITE_P(OfEachKind, ListenerPlaces,
                         testing::Values("tcp.echo", "tcp.discard", "http.respond", "tcp.proxy"), [](const auto& kind) {
                           std::string name;
                           for (const char c : kind.param) name += c == '.' ? '_' : c;
                           return name;
                         });

TEST_F(TcpProxyTest, AClientHoldsItsPlaceAtItsListenerWhileItsUpstreamIsBeingConnected) {
  const auto limit = std::make_shared<host::ListenerLimit>();
  limit->set({.max_connections = 10});
  const BusyUpstream upstream;
  start_to({upstream.address()});
  ASSERT_EQ(limit->enter(loop_.time()), evloop::Duration::zero());
  const auto client = connect(evloop::tcp_pair(), host::ListenerPlace(limit));
  turn(5);
  EXPECT_EQ(limit->open(), 1U);
  on_loop([&] { share_->abort(); });
  EXPECT_EQ(limit->open(), 0U);
}

TEST_F(TcpProxyTest, AClientThatIsRefusedHoldsNoPlaceAtItsListener) {
  const auto limit = std::make_shared<host::ListenerLimit>();
  limit->set({.max_connections = 10});
  TcpProxyOptions options;
  options.connection.limits.connections = 1;
  const Backend upstream;
  start_to({upstream.address()}, options);
  std::vector<Peer> clients;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(limit->enter(loop_.time()), evloop::Duration::zero());
    clients.push_back(connect(evloop::tcp_pair(), host::ListenerPlace(limit)));
  }
  EXPECT_EQ(limit->open(), 1U);
}

}  // namespace
}  // namespace evloopd::workloads
