#include "workloads/upstreams/supervisor.h"

#include "net/net_test.h"
#include "workloads/dns/name_server.h"
#include "workloads/upstreams/pool_test.h"
#include "workloads/upstreams/upstream_share.h"

namespace evloopd::workloads {
namespace {

using evloop::SocketAddress;
using host::UpstreamState;
using testing::Contains;
using testing::HasSubstr;

// Counts who connects.
class CheckedServer {
 public:
  explicit CheckedServer(evloop::EventLoop& loop, const std::string& address = "127.0.0.1:0")
      : loop_(loop), fd_(evloop::listen_stream_socket(SocketAddress::parse(address))) {
    loop_.add_reader(fd_.get(), [this] {
      if (!evloop::UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC))) return;
      ++checks;
      times.push_back(loop_.time());
    });
  }
  CheckedServer(const CheckedServer&) = delete;
  CheckedServer& operator=(const CheckedServer&) = delete;
  ~CheckedServer() { loop_.remove_reader(fd_.get()); }
  [[nodiscard]] std::string address() const { return SocketAddress::local(fd_.get()).to_string(); }

  int checks = 0;
  std::vector<evloop::TimePoint> times;

 private:
  evloop::EventLoop& loop_;
  evloop::UniqueFd fd_;
};

class SupervisorTest : public evloop::NetTest {
 protected:
  SupervisorTest() : NetTest(Time::is_virtual) {}
  ~SupervisorTest() override {
    shares_.clear();
    turn(5);
  }

  // A pool, as it is known to so many loops: here all the same one.
  void start(UpstreamsOptions options, int loops = 1) {
    pool_ = std::make_shared<Pool>(std::move(options), clock_);
    for (; loops > 0; --loops) shares_.push_back(std::make_unique<UpstreamShare>(loop_, pool_));
  }
  // Lets time pass, and everything happen that falls into it.
  void pass(evloop::Duration time) {
    const auto end = loop_.time() + time;
    turn_until([&] { return loop_.time() >= end; });
  }
  [[nodiscard]] UpstreamState state() const { return pool_->snapshot().list.at(0).endpoints.at(0).state; }
  [[nodiscard]] std::vector<std::string> addresses() const {
    std::vector<std::string> all;
    for (const auto& endpoint : pool_->endpoints()) all.push_back(endpoint->name());
    std::ranges::sort(all);
    return all;
  }
  static CheckOptions every_second() {
    return {.kind = CheckKind::tcp,
            .interval = 1s,
            .down_interval = 1s,
            .jitter = 0,
            .timeout = 500ms,
            .rise = 2,
            .fall = 3};
  }

  std::shared_ptr<Pool> pool_;
  std::vector<std::unique_ptr<UpstreamShare>> shares_;
};

TEST_F(SupervisorTest, OneLoopChecksForAll) {
  CheckedServer server(loop_);
  start({.list = {{server.address()}}, .check = every_second()}, 4);
  pass(9500ms);
  EXPECT_EQ(server.checks, 10);
  EXPECT_EQ(pool_->snapshot().list.at(0).checks_passed, 10U);
}

TEST_F(SupervisorTest, AnotherLoopTakesOverWhenOneGoes) {
  CheckedServer server(loop_);
  start({.list = {{server.address()}}, .check = every_second()}, 2);
  pass(4500ms);
  shares_.erase(shares_.begin());
  const int before = server.checks;
  pass(10s);
  EXPECT_GE(server.checks, before + 9) << "within a second";
  EXPECT_LE(server.checks, before + 11) << "and alone";
}

// A loop that is stopped, or stuck, renews no lease.
TEST_F(SupervisorTest, AnotherLoopTakesOverWhenOneStands) {
  CheckedServer server(loop_);
  start({.list = {{server.address()}}, .check = every_second()});
  auto& lease = pool_->lease();
  pass(1500ms);
  shares_.clear();
  ASSERT_TRUE(lease.hold(77, loop_.time()));
  shares_.push_back(std::make_unique<UpstreamShare>(loop_, pool_));
  const int before = server.checks;
  pass(2s);
  EXPECT_EQ(server.checks, before);
  pass(5s);
  EXPECT_GE(server.checks, before + 4);
}

TEST_F(SupervisorTest, TakesAnUpstreamDownAndUp) {
  std::optional<CheckedServer> server(std::in_place, loop_);
  const auto address = server->address();
  start({.list = {{address}}, .check = every_second()});
  pass(2500ms);
  EXPECT_EQ(state(), UpstreamState::up);
  server.reset();
  pass(2s);
  EXPECT_EQ(state(), UpstreamState::up) << "two failures do not count";
  pass(1s);
  EXPECT_EQ(state(), UpstreamState::down);
  server.emplace(loop_, address);
  pass(2500ms);
  EXPECT_EQ(state(), UpstreamState::up);
  const auto history = pool_->snapshot().list.at(0).endpoints.at(0).history;
  ASSERT_EQ(history.size(), 2U);
  EXPECT_THAT(history[0].reason, HasSubstr("Connection refused"));
  EXPECT_EQ(history[1].reason, "connected");
}

TEST_F(SupervisorTest, AsksOneThatIsDownAtAnotherPace) {
  auto check = every_second();
  check.down_interval = 10s;
  std::optional<CheckedServer> server(std::in_place, loop_);
  const auto address = server->address();
  server.reset();
  start({.list = {{address}}, .check = check});
  pass(29s);
  EXPECT_EQ(pool_->snapshot().list.at(0).checks_failed, 3U);
}

TEST_F(SupervisorTest, IntervalsDifferByTheJitter) {
  CheckedServer server(loop_);
  auto check = every_second();
  check.jitter = 50;
  start({.list = {{server.address()}}, .check = check});
  pass(200s);
  ASSERT_GT(server.checks, 100);
  std::vector<evloop::Duration> intervals;
  for (std::size_t i = 1; i < server.times.size(); ++i) intervals.push_back(server.times[i] - server.times[i - 1]);
  const auto [least, most] = std::ranges::minmax(intervals);
  EXPECT_GE(least, 500ms);
  EXPECT_LT(least, 700ms);
  EXPECT_GT(most, 1300ms);
  EXPECT_LE(most, 1500ms);
}

TEST_F(SupervisorTest, ChecksWhatIsInTheListNow) {
  CheckedServer first(loop_), second(loop_);
  start({.list = {{first.address()}}, .check = every_second()});
  pass(2500ms);
  ASSERT_TRUE(pool_->set({{second.address()}}));
  pass(1500ms);
  const int before = first.checks;
  pass(5s);
  EXPECT_EQ(first.checks, before);
  EXPECT_GE(second.checks, 5);
}

TEST_F(SupervisorTest, ReportsNothingWhenItGoesInTheMiddle) {
  CheckedServer server(loop_);
  start({.list = {{server.address()}, {.dns = "app.internal:80"}}, .check = every_second()});
  turn(3);
  shares_.clear();
  turn(5);
  EXPECT_TRUE(reports_.empty());
  EXPECT_TRUE(loop_.all_tasks().empty());
}

// --- names ---

class NamesTest : public SupervisorTest {
 protected:
  ~NamesTest() override { shares_.clear(); }
  void start_with_name(DnsOptions dns) {
    dns.servers = {server_.address()};
    start({.list = {{.dns = "app.internal:80"}}, .dns = dns});
  }
  void answer(const char* host, std::uint32_t ttl) { server_.add("app.internal", SocketAddress::ip(host, 0), ttl); }
  // A and AAAA are asked for each time.
  [[nodiscard]] int lookups() const { return server_.times_asked("app.internal") / 2; }

  NameServer server_{loop_};
};

TEST_F(NamesTest, AreLookedUpAnewWhenTheAnswerGrowsOld) {
  answer("10.0.0.1", 10);
  start_with_name({});
  pass(1s);
  EXPECT_THAT(addresses(), testing::ElementsAre("10.0.0.1:80"));
  answer("10.0.0.2", 10);
  pass(8s);
  EXPECT_EQ(lookups(), 1);
  pass(2s);
  EXPECT_EQ(lookups(), 2);
  EXPECT_THAT(addresses(), testing::ElementsAre("10.0.0.1:80", "10.0.0.2:80"));
}

TEST_F(NamesTest, AreNotLookedUpTooOftenNorTooSeldom) {
  answer("10.0.0.1", 0);
  start_with_name({.least = 5s, .most = 60s});
  pass(22s);
  EXPECT_EQ(lookups(), 5) << "no oftener than every five seconds";
  server_.forget("app.internal");
  answer("10.0.0.1", 86400);
  pass(4s);
  const int before = lookups();
  pass(180s);
  EXPECT_EQ(lookups(), before + 3) << "no more seldom than every minute";
}

TEST_F(NamesTest, KeepTheLastGoodAnswer) {
  answer("10.0.0.1", 5);
  start_with_name({});
  pass(1s);
  server_.forget("app.internal");
  pass(60s);
  EXPECT_THAT(addresses(), testing::ElementsAre("10.0.0.1:80"));
  EXPECT_EQ(std::ranges::count_if(log(), [](const auto& line) { return line.contains("cannot be resolved"); }), 1)
      << "said once, not each time";
  answer("10.0.0.9", 5);
  pass(60s);
  EXPECT_THAT(addresses(), testing::ElementsAre("10.0.0.9:80"));
  EXPECT_THAT(log(), Contains(HasSubstr("is resolved again")));
}

TEST_F(NamesTest, MayBeUnknownAtTheStart) {
  start_with_name({});
  pass(10s);
  EXPECT_TRUE(addresses().empty());
  EXPECT_THAT(log(), Contains(HasSubstr("app.internal:80 cannot be resolved")));
  answer("10.0.0.1", 5);
  pass(40s);
  EXPECT_THAT(addresses(), testing::ElementsAre("10.0.0.1:80"));
}

}  // namespace
}  // namespace evloopd::workloads
