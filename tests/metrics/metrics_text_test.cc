// What is measured, and how it is called.

#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <thread>

#include "aio/coro.h"
#include "aio/event_loop.h"
#include "host/faults.h"
#include "host/loop_host.h"
#include "metrics/metrics_server.h"
#include "metrics/scrape.h"

extern char** environ;

namespace evloopd::metrics {
namespace {

using namespace std::chrono_literals;
using host::LoopHost;
using metrics::testing::parse;
using metrics::testing::value;
using ::testing::HasSubstr;
using ::testing::Not;

LoopHost::Deadline soon() { return std::chrono::steady_clock::now() + 30s; }

class SilentShare final : public host::WorkloadShare {
 public:
  void accepted(host::Accepted) override {}
  [[nodiscard]] std::size_t connections() const override { return 0; }
  void drain() override {}
  void abort() override {}
};

class Silent final : public host::Workload {
 public:
  Silent() {
    counters_.connections_total = 7;
    counters_.bytes_in = 11;
    counters_.bytes_out = 13;
  }
  [[nodiscard]] std::string_view kind() const override { return "test.silent"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop&) override {
    return std::make_unique<SilentShare>();
  }
};

// Measures something of its own, and some of it under names that cannot be.
class Measuring final : public host::Workload {
 public:
  [[nodiscard]] std::string_view kind() const override { return "test.measuring"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop&) override {
    return std::make_unique<SilentShare>();
  }
  [[nodiscard]] std::vector<host::Measure> measures() const override {
    using enum host::Measure::Type;
    return {{.name = "runs_total",
             .help = "Runs.",
             .type = counter,
             .value = 5,
             .labels = {{"result", "ok"}, {"target", "a"}}},
            {.name = "runs_total", .help = "Runs.", .type = counter, .labels = {{"result", "failed"}, {"target", "a"}}},
            {.name = "last_run_seconds", .help = "How long the last one took.", .value = 1.5},
            {.name = "Wrong", .help = "A name in capitals."},
            {.name = "wrong", .help = "A counter that does not end in _total.", .type = counter},
            {.name = "wrong_total", .help = "A gauge that does."},
            {.name = "wrong_label", .help = "The workload's own label.", .labels = {{"workload", "w"}}},
            {.name = "wrong_labels", .help = "The same label twice.", .labels = {{"a", "1"}, {"a", "2"}}},
            {.name = "bytes_in", .help = "Two\nlines."},
            {.name = "connections_open", .help = "The name of a family of all workloads."}};
  }
};

// Sends its clients to one upstream, which has two addresses.
class Sending final : public host::Workload, private host::Upstreams {
 public:
  [[nodiscard]] std::string_view kind() const override { return "test.sending"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop&) override {
    return std::make_unique<SilentShare>();
  }
  [[nodiscard]] host::Upstreams* upstreams() noexcept override { return this; }

 private:
  host::HostResult<void> set(std::vector<host::UpstreamSpec>) override { return {}; }
  [[nodiscard]] host::UpstreamsSnapshot snapshot() const override {
    host::UpstreamSnapshot app{.name = "app:80",
                               .connections_open = 3,
                               .connections_total = 5,
                               .checks_failed = 7,
                               .connect_seconds = {.bounds = bounds, .buckets = {}, .sum = 1.5},
                               .endpoints = {}};
    app.connect_seconds.buckets.assign(bounds.size() + 1, 2);
    app.endpoints.resize(2);
    app.endpoints[1].state = host::UpstreamState::down;
    return {.list = {app}, .queue_length = 2, .queue_full = 4, .queue_timeouts = 6, .retries_denied = 8};
  }

  const std::vector<double> bounds = std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
};

class Faulty final : public host::Workload, public host::Faults {
 public:
  [[nodiscard]] std::string_view kind() const override { return "test.faulty"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop&) override {
    return std::make_unique<SilentShare>();
  }
  [[nodiscard]] host::Faults* faults() noexcept override { return this; }

 private:
  host::HostResult<void> set(const host::FaultSpec&, std::chrono::nanoseconds) override { return {}; }
  void clear() override {}
  [[nodiscard]] host::FaultsSnapshot snapshot() const override { return {}; }
};

evloop::Coro<std::string> do_nothing() { co_return ""; }
evloop::Coro<std::string> wait_at(std::shared_ptr<std::latch> held, std::shared_ptr<std::latch> free) {
  held->count_down();
  free->wait();
  co_return "";
}

class MetricsText : public ::testing::Test {
 protected:
  ~MetricsText() override { free->count_down(free->try_wait() ? 0 : 1); }

  void create(const std::string& name) {
    host::LoopOptions options;
    options.name = name;
    ASSERT_TRUE(host.create(options));
  }
  [[nodiscard]] std::map<std::string, double> scrape() const { return parse(metrics_text(host, "1.2.3")); }

  host::JobCatalogue jobs() {
    host::JobCatalogue jobs;
    jobs.add("nothing", [](const auto&) -> host::HostResult<host::JobStart> {
      return [](evloop::EventLoop&) { return do_nothing(); };
    });
    jobs.add("block", [this](const auto&) -> host::HostResult<host::JobStart> {
      return [this](evloop::EventLoop&) { return wait_at(held, free); };
    });
    return jobs;
  }
  host::HostResult<std::string> run(const std::string& loop, const std::string& kind) {
    return host.run_until_complete(loop, {.kind = kind, .options = {}}, soon(), nullptr);
  }

  const std::shared_ptr<std::latch> held = std::make_shared<std::latch>(2);
  const std::shared_ptr<std::latch> free = std::make_shared<std::latch>(1);
  LoopHost host{jobs()};
};

// The exit status and the output of `promtool check metrics` on `text`.
std::pair<int, std::string> promtool_check(const std::string& text) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  EXPECT_EQ(::pipe(in.data()), 0);
  EXPECT_EQ(::pipe(out.data()), 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 2);
  for (const int fd : {in[0], in[1], out[0], out[1]}) ::posix_spawn_file_actions_addclose(&actions, fd);
  std::array<std::string, 3> words{"promtool", "check", "metrics"};
  std::array<char*, 4> arguments{words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "promtool", &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  EXPECT_EQ(error, 0) << "promtool comes with Debian's package prometheus";
  std::string output;
  if (error == 0) {
    // It reads all before it writes.
    for (std::size_t sent = 0; sent < text.size();) {
      const auto size = ::write(in[1], text.data() + sent, text.size() - sent);
      if (size <= 0) break;
      sent += static_cast<std::size_t>(size);
    }
    ::close(in[1]);
    std::array<char, 4096> buffer{};
    for (ssize_t size = 0; (size = ::read(out[0], buffer.data(), buffer.size())) > 0;)
      output.append(buffer.data(), static_cast<std::size_t>(size));
  }
  ::close(out[0]);
  int status = -1;
  if (error == 0) ::waitpid(child, &status, 0);
  return {status, output};
}

TEST_F(MetricsText, PromtoolHasNothingToSayAboutIt) {
  create("io-0");
  ASSERT_TRUE(host.start("io-0", soon()));
  ASSERT_TRUE(host.add_workload({.name = "web", .loops = {"io-0"}, .listeners = {}}, std::make_unique<Silent>()));
  ASSERT_TRUE(host.add_workload({.name = "front", .loops = {"io-0"}, .listeners = {}}, std::make_unique<Sending>()));
  const auto [status, output] = promtool_check(metrics_text(host, "1.2.3"));
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output, "");
}

TEST_F(MetricsText, PromtoolHasNothingToSayAboutAHostWithoutLoops) {
  const auto [status, output] = promtool_check(metrics_text(host, "1.2.3"));
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output, "");
}

TEST_F(MetricsText, TheNumberOfSeriesFollowsFromTheConfiguration) {
  const auto none = scrape().size();
  create("io-0");
  const auto one = scrape().size();
  create("io-1");
  EXPECT_EQ(scrape().size() - one, one - none);
  EXPECT_EQ(one - none, 91U) << "of a loop";
  ASSERT_TRUE(host.start("io-0", soon()));
  ASSERT_TRUE(run("io-1", "nothing"));
  EXPECT_EQ(scrape().size(), none + 2 * (one - none)) << "whatever goes on";
  ASSERT_TRUE(host.add_workload({.name = "web", .loops = {"io-0"}, .listeners = {}}, std::make_unique<Silent>()));
  EXPECT_EQ(scrape().size(), none + 2 * (one - none) + 6);
  ASSERT_TRUE(host.add_workload({.name = "front", .loops = {"io-0"}, .listeners = {}}, std::make_unique<Sending>()));
  EXPECT_EQ(scrape().size(), none + 2 * (one - none) + 6 + 6 + 4 + 27) << "of a workload with one upstream";
  ASSERT_TRUE(host.add_workload({.name = "bad", .loops = {"io-0"}, .listeners = {}}, std::make_unique<Faulty>()));
  EXPECT_EQ(scrape().size(), none + 2 * (one - none) + 6 + 6 + 4 + 27 + 6 + 1) << "of a workload that can have faults";
  EXPECT_EQ(value(scrape(), R"(evloopd_workload_faulted_connections_total{workload="bad"})"), 0);
}

TEST_F(MetricsText, FamiliesAreThereBeforeAnythingHappens) {
  const auto text = metrics_text(host, "1.2.3");
  for (const auto* family : {"evloopd_loop_state gauge", "evloopd_loop_iterations_total counter",
                             "evloopd_loop_callback_duration_seconds histogram",
                             "evloopd_workload_connections_open gauge", "process_cpu_seconds_total counter"})
    EXPECT_THAT(text, HasSubstr(std::string("# TYPE ") + family + "\n"));
}

TEST_F(MetricsText, TheStateIsTheOneThatIsOne) {
  create("io-0");
  auto series = scrape();
  EXPECT_EQ(value(series, R"(evloopd_loop_state{loop="io-0",state="CREATED"})"), 1);
  EXPECT_EQ(value(series, R"(evloopd_loop_state{loop="io-0",state="RUNNING"})"), 0);
  ASSERT_TRUE(host.start("io-0", soon()));
  series = scrape();
  EXPECT_EQ(value(series, R"(evloopd_loop_state{loop="io-0",state="CREATED"})"), 0);
  EXPECT_EQ(value(series, R"(evloopd_loop_state{loop="io-0",state="RUNNING"})"), 1);
  EXPECT_EQ(value(series, R"(evloopd_loop_desired_state{loop="io-0",state="RUNNING"})"), 1);
  EXPECT_EQ(value(series, R"(evloopd_loop_condition{loop="io-0",condition="Ready"})"), 1);
}

TEST_F(MetricsText, OfALoopThatWasReplacedNothingIsToldButThatItIsThere) {
  create("io-0");
  std::jthread caller([this] { static_cast<void>(run("io-0", "block")); });
  held->arrive_and_wait();
  const auto before = scrape();
  EXPECT_EQ(value(before, "evloopd_loops_replaced"), 0);
  ASSERT_TRUE(host.replace("io-0", true, soon()));
  const auto after = scrape();  // which finds what is there twice
  EXPECT_EQ(after.size(), before.size());
  EXPECT_EQ(value(after, "evloopd_loops_replaced"), 1);
  EXPECT_EQ(value(after, R"(evloopd_loop_state{loop="io-0",state="CREATED"})"), 1);
  const auto [status, output] = promtool_check(metrics_text(host, "1.2.3"));
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output, "");
  free->count_down();
}

TEST_F(MetricsText, NumbersMoveWithWhatTheLoopDoes) {
  create("io-0");
  create("io-1");
  const auto before = scrape();
  ASSERT_TRUE(run("io-0", "nothing"));
  ASSERT_TRUE(run("io-0", "nothing"));
  const auto after = scrape();
  EXPECT_EQ(value(after, R"(evloopd_loop_tasks_created_total{loop="io-0"})"), 2);
  EXPECT_EQ(value(after, R"(evloopd_loop_tasks_done_total{loop="io-0",outcome="finished"})"), 2);
  EXPECT_EQ(value(after, R"(evloopd_loop_tasks{loop="io-0"})"), 0);
  for (const auto* counter : {"evloopd_loop_iterations_total", "evloopd_loop_callbacks_total",
                              "evloopd_loop_callback_duration_seconds_count", "evloopd_loop_cpu_seconds_total"}) {
    const auto of = [&](const char* loop) { return std::string(counter) + "{loop=\"" + loop + "\"}"; };
    EXPECT_GT(value(after, of("io-0")), value(before, of("io-0"))) << counter;
    if (std::string(counter).find("cpu") == std::string::npos)
      EXPECT_EQ(value(after, of("io-1")), value(before, of("io-1"))) << "the other loop has done nothing";
  }
}

TEST_F(MetricsText, AHistogramsBucketsAddUp) {
  create("io-0");
  ASSERT_TRUE(run("io-0", "nothing"));
  const auto series = scrape();
  const std::string name = "evloopd_loop_callback_duration_seconds";
  const auto count = value(series, name + "_count{loop=\"io-0\"}");
  EXPECT_GT(count, 0);
  EXPECT_EQ(value(series, name + "_bucket{loop=\"io-0\",le=\"+Inf\"}"), count);
  EXPECT_LE(value(series, name + "_bucket{loop=\"io-0\",le=\"0.001\"}"), count);
  EXPECT_GT(value(series, name + "_sum{loop=\"io-0\"}"), 0);
}

TEST_F(MetricsText, AWorkloadHasItsCounters) {
  create("io-0");
  ASSERT_TRUE(host.add_workload({.name = "web", .loops = {"io-0"}, .listeners = {}}, std::make_unique<Silent>()));
  const auto series = scrape();
  EXPECT_EQ(value(series, R"(evloopd_workload_connections_total{workload="web"})"), 7);
  EXPECT_EQ(value(series, R"(evloopd_workload_transferred_bytes_total{workload="web",direction="in"})"), 11);
  EXPECT_EQ(value(series, R"(evloopd_workload_transferred_bytes_total{workload="web",direction="out"})"), 13);
}

TEST_F(MetricsText, AKindMeasuresWhatItLikesAndItsMistakesSpoilNothing) {
  create("io-0");
  for (const auto* name : {"one", "two"})
    ASSERT_TRUE(host.add_workload({.name = name, .loops = {"io-0"}, .listeners = {}}, std::make_unique<Measuring>()));
  const auto series = scrape();
  EXPECT_EQ(value(series, R"(evloopd_workload_runs_total{workload="two",result="ok",target="a"})"), 5);
  EXPECT_EQ(value(series, R"(evloopd_workload_runs_total{workload="one",result="failed",target="a"})"), 0);
  EXPECT_EQ(value(series, R"(evloopd_workload_last_run_seconds{workload="one"})"), 1.5);
  const auto text = metrics_text(host, "1.2.3");
  EXPECT_THAT(text, HasSubstr("# TYPE evloopd_workload_runs_total counter"));
  for (const auto* wrong : {"Wrong", "wrong", "Two"}) EXPECT_THAT(text, Not(HasSubstr(wrong)));
  const auto [status, output] = promtool_check(text);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output, "");
}

TEST_F(MetricsText, AListenerWithLimitsHasItsNumbers) {
  create("io-0");
  ASSERT_TRUE(host.add_workload({.name = "web",
                                 .loops = {"io-0"},
                                 .listeners = {{.address = "127.0.0.1:0"},
                                               {.address = "127.0.0.1:0", .limits = {.max_connections = 7}},
                                               {.address = "[::1]:0", .limits = {.accept_rate = 9}}}},
                                std::make_unique<Silent>()));
  const auto before = scrape();
  const auto listeners = host.workload("web").value().listeners;
  const auto of = [&](const std::string& name, std::size_t listener) {
    const auto labels = R"({workload="web",address=")" + listeners.at(listener) + "\"}";
    const auto found = before.find("evloopd_listener_" + name + labels);
    return found == before.end() ? -1 : found->second;
  };
  EXPECT_EQ(of("connections_open", 0), -1) << "without limits nobody is counted";
  EXPECT_EQ(of("suspended_total", 0), -1);
  EXPECT_EQ(of("max_connections", 1), 7);
  EXPECT_EQ(of("connections_open", 1), 0);
  EXPECT_EQ(of("suspended_total", 1), 0);
  EXPECT_EQ(of("max_connections", 2), -1) << "it has no such limit";
  EXPECT_EQ(of("connections_open", 2), 0);
  EXPECT_EQ(of("suspended_total", 2), 0);
  const auto [status, output] = promtool_check(metrics_text(host, "1.2.3"));
  EXPECT_EQ(status, 0);
  EXPECT_EQ(output, "");
}

TEST_F(MetricsText, AnUpstreamHasItsCountersWhateverItsAddresses) {
  create("io-0");
  ASSERT_TRUE(host.add_workload({.name = "front", .loops = {"io-0"}, .listeners = {}}, std::make_unique<Sending>()));
  const auto series = scrape();
  const auto of = [&](const std::string& name, const std::string& more = "") {
    return value(series, "evloopd_upstream_" + name + R"({workload="front",upstream="app:80")" + more + '}');
  };
  EXPECT_EQ(of("connections_open"), 3);
  EXPECT_EQ(of("connections_total"), 5);
  EXPECT_EQ(of("checks_total", R"(,result="failed")"), 7);
  EXPECT_EQ(of("checks_total", R"(,result="passed")"), 0);
  EXPECT_EQ(of("connect_duration_seconds_count"), 28);
  EXPECT_EQ(of("endpoints", R"(,state="up")"), 1);
  EXPECT_EQ(of("endpoints", R"(,state="down")"), 1);
  EXPECT_EQ(of("endpoints", R"(,state="ejected")"), 0);
  EXPECT_EQ(value(series, R"(evloopd_workload_queue_length{workload="front"})"), 2);
  EXPECT_EQ(value(series, R"(evloopd_workload_queue_refused_total{workload="front",reason="full"})"), 4);
  EXPECT_EQ(value(series, R"(evloopd_workload_queue_refused_total{workload="front",reason="timeout"})"), 6);
  EXPECT_EQ(value(series, R"(evloopd_workload_retries_denied_total{workload="front"})"), 8);
}

TEST_F(MetricsText, ThisProcessIsDescribed) {
  const auto series = scrape();
  EXPECT_EQ(value(series, R"(evloopd_build_info{version="1.2.3"})"), 1);
  EXPECT_GT(value(series, "process_resident_memory_bytes"), 1e6);
  EXPECT_GT(value(series, "process_virtual_memory_bytes"), value(series, "process_resident_memory_bytes"));
  EXPECT_GE(value(series, "process_threads"), 2) << "the observer is one";
  EXPECT_GE(value(series, "process_open_fds"), 3);
  EXPECT_GE(value(series, "process_max_fds"), value(series, "process_open_fds"));
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(value(series, "process_start_time_seconds"), now, 3600);
  EXPECT_GE(value(series, "process_cpu_seconds_total"), 0);
}

TEST_F(MetricsText, IsHadWhileEveryLoopIsBlocked) {
  create("io-0");
  create("io-1");
  std::jthread first([&] { static_cast<void>(run("io-0", "block")); });
  std::jthread second([&] { static_cast<void>(run("io-1", "block")); });
  held->wait();
  const auto series = scrape();
  for (const auto* loop : {"io-0", "io-1"}) {
    EXPECT_EQ(value(series, "evloopd_loop_tasks{loop=\"" + std::string(loop) + "\"}"), 1);
    EXPECT_GT(value(series, "evloopd_loop_current_callback_seconds{loop=\"" + std::string(loop) + "\"}"), 0);
  }
  free->count_down();
}

}  // namespace
}  // namespace evloopd::metrics
