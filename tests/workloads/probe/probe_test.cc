#include "workloads/probe.h"

#include <algorithm>

#include "net/net_test.h"
#include "net/socket.h"
#include "workloads/dns/name_server.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using evloop::SocketAddress;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::StartsWith;

// Notes when somebody connects.
class Server {
 public:
  explicit Server(evloop::EventLoop& loop, const std::string& address = "127.0.0.1:0")
      : loop_(loop), fd_(evloop::listen_stream_socket(SocketAddress::parse(address))) {
    loop_.add_reader(fd_.get(), [this] {
      evloop::UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      times.push_back(loop_.time());
      if (keeps) kept_.push_back(std::move(client));
    });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() { loop_.remove_reader(fd_.get()); }

  [[nodiscard]] std::string address() const { return SocketAddress::local(fd_.get()).to_string(); }
  [[nodiscard]] std::vector<evloop::Duration> intervals() const {
    std::vector<evloop::Duration> all;
    for (std::size_t i = 1; i < times.size(); ++i) all.push_back(times[i] - times[i - 1]);
    return all;
  }

  std::vector<evloop::TimePoint> times;
  bool keeps = false;  // its clients, without a word

 private:
  evloop::EventLoop& loop_;
  evloop::UniqueFd fd_;
  std::vector<evloop::UniqueFd> kept_;
};

class ProbeTest : public evloop::NetTest {
 protected:
  ProbeTest() : NetTest(Time::is_virtual) {}
  ~ProbeTest() override {
    share_.reset();
    if (!loop_.is_closed()) turn(5);
  }

  void start(std::vector<ProbeTargetOptions> targets) {
    probe_ = std::make_unique<Probe>(ProbeOptions{.targets = std::move(targets)});
    attach();
  }
  void attach() {
    share_ = probe_->attach(loop_);
    share_->introduce({.workload = "watch", .loop = "io-0"});
  }
  // Lets time pass, and everything happen that falls into it.
  void pass(evloop::Duration time) {
    const auto end = loop_.time() + time;
    const auto timer = loop_.call_at(end, [] {});  // so that time does not jump over it
    turn_until([&] { return loop_.time() >= end; });
  }
  // Calls something of the share as the host does.
  template <class F>
  void on_loop(F function) {
    const evloop::EventLoop::RunScope scope(loop_);
    function();
  }
  host::Workload::Adoption adopt(std::vector<ProbeTargetOptions> targets) {
    Probe wanted(ProbeOptions{.targets = std::move(targets)});
    return probe_->adopt(wanted);
  }
  [[nodiscard]] double measure(const std::string& name, const std::string& target,
                               const std::string& result = "") const {
    for (const auto& each : probe_->measures())
      if (each.name == name && each.labels.at(0).value == target &&
          (result.empty() || each.labels.at(1).value == result))
        return each.value;
    return -1;
  }
  [[nodiscard]] std::string fact(const std::string& name) const {
    const auto all = probe_->facts();
    const auto found = std::ranges::find(all, name, &host::Fact::name);
    return found == all.end() ? "" : found->value;
  }
  static ProbeTargetOptions target(const std::string& name, const std::string& address) {
    return {.name = name,
            .address = address,
            .check = {.kind = CheckKind::tcp,
                      .interval = 10s,
                      .down_interval = 2s,
                      .jitter = 0,
                      .timeout = 500ms,
                      .rise = 2,
                      .fall = 3}};
  }
  // One that connects and is told nothing.
  static ProbeTargetOptions waiting_target(const std::string& name, const std::string& address) {
    auto options = target(name, address);
    options.check.kind = CheckKind::expect;
    options.check.expect = "hello";
    options.check.timeout = 5s;
    return options;
  }

  std::unique_ptr<Probe> probe_;
  std::unique_ptr<host::WorkloadShare> share_;
};

TEST_F(ProbeTest, BeginsWithinASecondAndThenKeepsToTheInterval) {
  Server server(loop_);
  start({target("site", server.address())});
  EXPECT_EQ(fact("site"), "not probed yet");
  const auto begin = loop_.time();
  pass(60s);
  ASSERT_EQ(server.times.size(), 6U);
  EXPECT_LE(server.times.front() - begin, 1s);
  for (const auto interval : server.intervals()) EXPECT_EQ(interval, 10s);
}

TEST_F(ProbeTest, TargetsDoNotBeginAllAtOnce) {
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<ProbeTargetOptions> targets;
  for (int i = 0; i < 20; ++i) {
    servers.push_back(std::make_unique<Server>(loop_));
    targets.push_back(target("t" + std::to_string(i), servers.back()->address()));
  }
  start(std::move(targets));
  pass(2s);
  std::vector<evloop::TimePoint> begins;
  for (const auto& server : servers) begins.push_back(server->times.at(0));
  std::ranges::sort(begins);
  EXPECT_GT(std::ranges::unique(begins).begin() - begins.begin(), 10);
}

TEST_F(ProbeTest, IntervalsDifferByTheJitterAndNoMore) {
  Server server(loop_);
  auto options = target("site", server.address());
  options.check.jitter = 50;
  start({options});
  pass(1000s);
  const auto intervals = server.intervals();
  ASSERT_GT(intervals.size(), 50U);
  EXPECT_GE(std::ranges::min(intervals), 5s);
  EXPECT_LE(std::ranges::max(intervals), 15s);
  EXPECT_LT(std::ranges::min(intervals), 8s);
  EXPECT_GT(std::ranges::max(intervals), 12s);
}

TEST_F(ProbeTest, OneThatFailsIsAskedAtAnotherPaceAndToldOnceItIsDown) {
  std::optional<Server> server(std::in_place, loop_);
  const auto address = server->address();
  start({target("site", address)});
  pass(2s);
  EXPECT_THAT(log(), ElementsAre("workload watch: target site is up: connected"));
  EXPECT_THAT(fact("site"), MatchesRegex("up since [-0-9]+ [:0-9]+Z: connected in [.0-9]+ ms, [0-9]+ s ago"));
  EXPECT_EQ(measure("probe_up", "site"), 1);
  server.reset();
  pass(10s);  // the first failure
  EXPECT_EQ(log().size(), 1U);
  EXPECT_THAT(fact("site"), HasSubstr(", 1 in a row against it: "));
  pass(2s);
  EXPECT_EQ(measure("probe_up", "site"), 1) << "two do not count";
  pass(2s);
  EXPECT_EQ(measure("probe_up", "site"), 0);
  ASSERT_EQ(log().size(), 2U);
  EXPECT_THAT(log()[1], StartsWith("workload watch: target site is down: "));
  EXPECT_THAT(log()[1], HasSubstr("Connection refused"));
  EXPECT_THAT(fact("site"), StartsWith("down since "));
  EXPECT_EQ(measure("probe_attempts_total", "site", "failed"), 3);
  pass(10s);
  EXPECT_EQ(measure("probe_attempts_total", "site", "failed"), 8) << "two seconds apart";
  server.emplace(loop_, address);
  pass(4s);
  EXPECT_EQ(measure("probe_up", "site"), 1);
  EXPECT_EQ(log().size(), 3U);
  EXPECT_THAT(fact("site changed"), MatchesRegex(".* up: connected; .* down: .*; .* up: connected"));
}

TEST_F(ProbeTest, EachHasItsDeadlineAndNoneOverlaps) {
  Server server(loop_);
  server.keeps = true;
  auto options = waiting_target("slow", server.address());
  options.check.interval = options.check.down_interval = 1s;
  start({options});
  pass(21500ms);
  EXPECT_EQ(measure("probe_attempts_total", "slow", "failed"), 4);
  for (const auto interval : server.intervals()) EXPECT_EQ(interval, 5s);
  EXPECT_THAT(fact("slow"), HasSubstr("no answer within 5000 ms in 5000.0 ms"));
  EXPECT_EQ(measure("probe_duration_seconds", "slow"), 5);
  EXPECT_LE(share_->connections(), 1U);
}

TEST_F(ProbeTest, MeasuresAreThereFromTheBeginning) {
  start({target("a", "127.0.0.1:1"), target("b", "127.0.0.1:1")});
  for (const auto* name : {"probe_up", "probe_duration_seconds", "probe_last_timestamp_seconds"})
    for (const auto* each : {"a", "b"}) EXPECT_EQ(measure(name, each), 0) << name;
  for (const auto* result : {"passed", "failed"}) EXPECT_EQ(measure("probe_attempts_total", "a", result), 0);
  pass(2s);
  EXPECT_GT(measure("probe_last_timestamp_seconds", "a"), 1e9);
}

TEST_F(ProbeTest, ADrainWaitsForWhatIsUnderWay) {
  Server quick(loop_), slow(loop_);
  slow.keeps = true;
  start({target("quick", quick.address()), waiting_target("slow", slow.address())});
  pass(2s);
  EXPECT_EQ(share_->connections(), 1U);
  on_loop([&] { share_->drain(); });
  pass(1s);
  EXPECT_EQ(share_->connections(), 1U);
  pass(4s);
  EXPECT_EQ(share_->connections(), 0U);
  EXPECT_EQ(measure("probe_attempts_total", "slow", "failed"), 1) << "its result counts";
  const auto before = quick.times.size();
  pass(60s);
  EXPECT_EQ(quick.times.size(), before);
  EXPECT_EQ(slow.times.size(), 1U);
}

TEST_F(ProbeTest, AnAbortEndsItAtOnce) {
  Server slow(loop_);
  slow.keeps = true;
  start({waiting_target("slow", slow.address())});
  pass(2s);
  ASSERT_EQ(share_->connections(), 1U);
  on_loop([&] { share_->abort(); });
  turn(3);
  EXPECT_EQ(share_->connections(), 0U);
  pass(60s);
  EXPECT_EQ(slow.times.size(), 1U);
  EXPECT_THAT(log(), IsEmpty()) << "and is no failure";
}

TEST_F(ProbeTest, ALoopMayBeClosedWhileProbesAreUnderWay) {
  std::optional<NameServer> names(std::in_place, loop_);
  names->fall_silent();
  std::optional<Server> slow(std::in_place, loop_);
  slow->keeps = true;
  std::vector<ProbeTargetOptions> targets;
  for (const auto kind : {CheckKind::expect, CheckKind::http, CheckKind::tls, CheckKind::grpc, CheckKind::dns}) {
    auto options = waiting_target("t" + std::to_string(targets.size()), slow->address());
    options.check.kind = kind;
    options.check.query = "app.internal";
    if (kind == CheckKind::dns) options.address = names->address();
    targets.push_back(options);
  }
  targets.push_back(waiting_target("name", "app.internal:80"));
  targets.back().name_servers = {names->address()};
  start(targets);
  pass(1500ms);
  EXPECT_EQ(share_->connections(), targets.size());
  slow.reset();
  names.reset();
  loop_.close();
  share_.reset();
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(ProbeTest, ALoopThatGoesOnAfterADrainProbesAgain) {
  Server quick(loop_), slow(loop_);
  slow.keeps = true;
  start({target("quick", quick.address()), waiting_target("slow", slow.address())});
  pass(2s);
  on_loop([&] {
    share_->drain();
    share_->resume();
  });
  pass(20s);
  EXPECT_GE(quick.times.size(), 3U);
  EXPECT_GE(slow.times.size(), 2U);
  for (const auto interval : slow.intervals()) EXPECT_GE(interval, 5s) << "no two at once";
  on_loop([&] { share_->abort(); });
  pass(30s);
  const auto before = quick.times.size();
  on_loop([&] { share_->resume(); });
  pass(2s);
  EXPECT_EQ(quick.times.size(), before + 1);
}

TEST_F(ProbeTest, ANewListKeepsWhatIsKnownOfTargetsThatStay) {
  Server a(loop_), b(loop_), c(loop_);
  start({target("a", a.address()), target("b", b.address())});
  pass(2s);
  const auto state = fact("a");
  EXPECT_EQ(adopt({target("a", a.address()), target("b", b.address())}), host::Workload::Adoption::same);
  EXPECT_EQ(adopt({target("a", a.address()), target("c", c.address())}), host::Workload::Adoption::taken);
  EXPECT_EQ(fact("a"), state);
  EXPECT_EQ(fact("b"), "");
  EXPECT_EQ(fact("c"), "not probed yet");
  pass(18s);
  EXPECT_EQ(a.times.size(), 2U) << "in its own time";
  for (const auto interval : a.intervals()) EXPECT_EQ(interval, 10s);
  EXPECT_EQ(b.times.size(), 1U);
  EXPECT_EQ(c.times.size(), 2U);
  auto changed = target("a", a.address());
  changed.check.fall = 1;
  EXPECT_EQ(adopt({changed}), host::Workload::Adoption::taken);
  EXPECT_EQ(fact("a"), "not probed yet") << "it is another one";
}

// As when its loop is stuck and is replaced.
TEST_F(ProbeTest, AShareThatWasMadeLaterTakesOver) {
  Server slow(loop_);
  slow.keeps = true;
  start({waiting_target("slow", slow.address())});
  pass(2s);
  const auto stuck = std::move(share_);
  attach();
  pass(30s);
  EXPECT_LE(slow.times.size(), 8U) << "the old one begins nothing more";
  EXPECT_EQ(measure("probe_attempts_total", "slow", "failed"), static_cast<double>(slow.times.size() - 2))
      << "and what it had begun does not count";
}

TEST_F(ProbeTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_ANY_THROW(Probe({.targets = {target("a", "nowhere")}}));
  auto options = target("a", "127.0.0.1:1");
  options.check.kind = CheckKind::tls;
  options.check.tls_options.ca = "/no/such/file";
  EXPECT_ANY_THROW(Probe({.targets = {options}}));
}

}  // namespace
}  // namespace evloopd::workloads
