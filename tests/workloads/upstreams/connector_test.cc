#include "workloads/upstreams/connector.h"

#include <sys/resource.h>

#include "net/net_test.h"
#include "net/socket.h"
#include "workloads/upstreams/pool_test.h"
#include "workloads/upstreams/upstream_share.h"

namespace evloopd::workloads {
namespace {

using evloop::UniqueFd;

class Listener {
 public:
  explicit Listener(const std::string& address = "127.0.0.1:0")
      : fd_(evloop::listen_stream_socket(evloop::SocketAddress::parse(address))),
        address_(evloop::SocketAddress::local(fd_.get()).to_string()) {}
  [[nodiscard]] const std::string& address() const { return address_; }
  void stop() { fd_.reset(); }

 private:
  UniqueFd fd_;
  std::string address_;
};

// A client that only wants to be connected.
class Visitor final : private Connector::Client {
 public:
  explicit Visitor(UpstreamShare& share, std::uint64_t key = 0)
      : connector_(std::in_place, share, static_cast<Connector::Client&>(*this), key) {
    const evloop::EventLoop::RunScope scope(share.loop());
    connector_->start();
  }
  [[nodiscard]] bool is_connected() const { return connected_; }
  [[nodiscard]] std::string upstream() const { return connected_ ? connector_->place.endpoint().name() : ""; }
  [[nodiscard]] std::optional<ConnectFailure> failure() const { return failure_; }
  [[nodiscard]] bool is_done() const { return connected_ || failure_; }
  void leave() { connector_.reset(); }

 private:
  void upstream_connected() override { connected_ = true; }
  void upstream_failed(ConnectFailure why) override { failure_ = why; }

  std::optional<Connector> connector_;
  bool connected_ = false;
  std::optional<ConnectFailure> failure_;
};

class ConnectorTest : public evloop::NetTest {
 protected:
  ConnectorTest() : NetTest(Time::is_virtual) {}

  void pool_of(std::vector<host::UpstreamSpec> list, UpstreamsOptions options = {}) {
    options.list = std::move(list);
    pool_ = std::make_shared<Pool>(std::move(options), clock_);
    share_.emplace(loop_, pool_);
  }
  ~ConnectorTest() override { share_.reset(); }

  void ends(Visitor& visitor) {
    turn_until([&] { return visitor.is_done(); });
  }
  template <class F>
  void on_loop(F function) {
    const evloop::EventLoop::RunScope scope(loop_);
    function();
  }
  // Time passes for the loop.
  void pass(evloop::Duration time) {
    clock_.advance(time);
    turn(3);
  }

  std::shared_ptr<Pool> pool_;
  std::optional<UpstreamShare> share_;
};

TEST_F(ConnectorTest, ConnectsAndCounts) {
  const Listener upstream;
  pool_of({{upstream.address()}});
  Visitor visitor(*share_);
  ends(visitor);
  EXPECT_EQ(visitor.upstream(), upstream.address());
  const auto seen = pool_->snapshot().list.at(0);
  EXPECT_EQ(seen.connections_open, 1U);
  EXPECT_EQ(seen.connections_total, 1U);
  visitor.leave();
  EXPECT_EQ(pool_->snapshot().list.at(0).connections_open, 0U);
}

TEST_F(ConnectorTest, GoesOnToTheNextAndCountsThat) {
  Listener dead;
  const Listener alive;
  dead.stop();
  pool_of({{dead.address()}, {alive.address()}});
  Visitor visitor(*share_);
  ends(visitor);
  EXPECT_EQ(visitor.upstream(), alive.address());
  const auto seen = pool_->snapshot();
  EXPECT_EQ(seen.list[0].connects_failed, 1U);
  EXPECT_EQ(seen.list[0].connections_open, 0U);
  EXPECT_EQ(seen.list[1].retries, 1U);
}

TEST_F(ConnectorTest, DoesNotBlameAnUpstreamForWhatThisProcessLacks) {
  const Listener upstream;
  pool_of({{upstream.address()}});
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Visitor visitor(*share_);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(visitor.failure(), ConnectFailure::no_socket);
  const auto seen = pool_->snapshot().list.at(0);
  EXPECT_EQ(seen.connects_failed, 0U);
  EXPECT_EQ(seen.connections_open, 0U);
  EXPECT_THAT(log(), testing::ElementsAre(testing::HasSubstr("Too many open files")));
}

TEST_F(ConnectorTest, RetriesNoMoreThanTheBudgetAllows) {
  Listener dead;
  const Listener alive;
  dead.stop();
  pool_of({{dead.address()}, {alive.address()}}, {.retries = {.percent = 10, .least = 0}, .ejection = {.failures = 0}});
  int connected = 0, denied = 0;
  for (int i = 0; i < 40; ++i) {
    Visitor visitor(*share_);
    ends(visitor);
    connected += visitor.is_connected() ? 1 : 0;
    denied += visitor.failure() == ConnectFailure::retry_denied ? 1 : 0;
  }
  const auto seen = pool_->snapshot();
  EXPECT_GE(seen.list[1].retries, 3U) << "a tenth of those who have come";
  EXPECT_LE(seen.list[1].retries, 4U);
  EXPECT_EQ(connected + denied, 40);
  EXPECT_GT(denied, 0);
  EXPECT_EQ(seen.retries_denied, static_cast<unsigned>(denied));
}

TEST_F(ConnectorTest, WithNobodyUpThereIsNothingToTry) {
  const Listener upstream;
  pool_of({{upstream.address()}});
  for (const auto& endpoint : pool_->endpoints()) pool_->checked(*endpoint, false, "bad", loop_.time());
  const Visitor visitor(*share_);
  EXPECT_EQ(visitor.failure(), ConnectFailure::none_up);
}

TEST_F(ConnectorTest, NoticesAtOnceThatThePoolHasChanged) {
  const Listener first, second;
  pool_of({{first.address()}});
  Visitor before(*share_);
  ends(before);
  ASSERT_TRUE(pool_->set({{second.address()}}));
  Visitor after(*share_);
  ends(after);
  EXPECT_EQ(before.upstream(), first.address());
  EXPECT_EQ(after.upstream(), second.address());
}

TEST_F(ConnectorTest, AClientKeepsItsUpstreamByItsAddress) {
  const Listener upstreams[4];
  for (const auto how : {Balance::source_hash, Balance::consistent_hash}) {
    std::vector<host::UpstreamSpec> list;
    for (const auto& upstream : upstreams) list.push_back({upstream.address()});
    pool_of(list, {.balance = how});
    EXPECT_TRUE(share_->hashes_source());
    for (std::uint64_t key = 1; key < 8; ++key) {
      Visitor first(*share_, key), second(*share_, key);
      ends(first);
      ends(second);
      EXPECT_EQ(first.upstream(), second.upstream());
    }
  }
}

// --- the queue ---

TEST_F(ConnectorTest, WaitsForAPlaceInTheOrderOfComing) {
  const Listener upstream;
  pool_of({{.address = upstream.address(), .max_connections = 1}});
  Visitor holder(*share_);
  ends(holder);
  Visitor second(*share_), third(*share_);
  turn(5);
  EXPECT_FALSE(second.is_done() || third.is_done());
  EXPECT_EQ(pool_->snapshot().queue_length, 2U);
  on_loop([&] { holder.leave(); });
  ends(second);
  EXPECT_TRUE(second.is_connected());
  EXPECT_FALSE(third.is_done());
  on_loop([&] { second.leave(); });
  ends(third);
  EXPECT_TRUE(third.is_connected());
  EXPECT_EQ(pool_->snapshot().queue_length, 0U);
}

TEST_F(ConnectorTest, WaitsOnlySoLong) {
  const Listener upstream;
  pool_of({{.address = upstream.address(), .max_connections = 1}}, {.queue = {.timeout = 5s}});
  Visitor holder(*share_);
  ends(holder);
  Visitor waiting(*share_);
  pass(5s - 1ms);
  EXPECT_FALSE(waiting.is_done());
  pass(1ms);
  EXPECT_EQ(waiting.failure(), ConnectFailure::queue_timeout);
  EXPECT_EQ(pool_->snapshot().queue_timeouts, 1U);
  EXPECT_EQ(pool_->snapshot().queue_length, 0U);
}

TEST_F(ConnectorTest, OnlySoManyWait) {
  const Listener upstream;
  pool_of({{.address = upstream.address(), .max_connections = 1}}, {.queue = {.length = 1}});
  Visitor holder(*share_);
  ends(holder);
  const Visitor waiting(*share_), refused(*share_);
  EXPECT_FALSE(waiting.is_done());
  EXPECT_EQ(refused.failure(), ConnectFailure::queue_full);
  EXPECT_EQ(pool_->snapshot().queue_full, 1U);
}

TEST_F(ConnectorTest, WhoGoesWhileItWaitsLosesNoTurn) {
  const Listener upstream;
  pool_of({{.address = upstream.address(), .max_connections = 1}});
  Visitor holder(*share_);
  ends(holder);
  Visitor second(*share_), third(*share_);
  on_loop([&] {
    holder.leave();  // the second one is called now
    second.leave();
  });
  ends(third);
  EXPECT_TRUE(third.is_connected());
}

TEST_F(ConnectorTest, OneThatWaitsForAnotherUpstreamHoldsUpNobody) {
  Listener failing;
  const Listener full;
  failing.stop();
  pool_of({{.address = failing.address()}, {.address = full.address(), .max_connections = 1}},
          {.ejection = {.failures = 0}});
  Visitor holder(*share_);
  ends(holder);
  Visitor waiting(*share_);
  turn(5);
  ASSERT_FALSE(waiting.is_done()) << "it waits for the full one, as the other has failed it";
  const Listener well_again(failing.address());
  Visitor next(*share_);
  ends(next);
  EXPECT_EQ(next.upstream(), failing.address());
  on_loop([&] { holder.leave(); });
  ends(waiting);
  EXPECT_EQ(waiting.upstream(), full.address());
}

TEST_F(ConnectorTest, GoesToWhoeverHasAPlace) {
  const Listener small, large;
  pool_of({{.address = small.address(), .weight = 100, .max_connections = 1}, {.address = large.address()}});
  std::vector<std::unique_ptr<Visitor>> visitors;
  for (int i = 0; i < 5; ++i) {
    visitors.push_back(std::make_unique<Visitor>(*share_));
    ends(*visitors.back());
    EXPECT_EQ(visitors.back()->upstream(), i == 0 ? small.address() : large.address());
  }
}

TEST_F(ConnectorTest, WaitsForANameThatIsNotResolvedYet) {
  const Listener upstream;
  pool_of({{.dns = "app:80"}});
  Visitor visitor(*share_);
  turn(3);
  EXPECT_FALSE(visitor.is_done());
  on_loop([&] { pool_->resolved("app:80", {evloop::SocketAddress::parse(upstream.address())}, loop_.time()); });
  ends(visitor);
  EXPECT_EQ(visitor.upstream(), upstream.address());
}

TEST_F(ConnectorTest, ANewListGivesThoseWhoWaitAPlace) {
  const Listener first, second;
  pool_of({{.address = first.address(), .max_connections = 1}});
  Visitor holder(*share_);
  ends(holder);
  Visitor waiting[3]{Visitor(*share_), Visitor(*share_), Visitor(*share_)};
  on_loop([&] { ASSERT_TRUE(pool_->set({{.address = second.address(), .max_connections = 2}})); });
  ends(waiting[0]);
  ends(waiting[1]);
  EXPECT_EQ(waiting[1].upstream(), second.address());
  EXPECT_FALSE(waiting[2].is_done());
}

}  // namespace
}  // namespace evloopd::workloads
