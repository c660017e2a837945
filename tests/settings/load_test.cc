#include "settings/load.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "settings/loading.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

// The settings of a text that must load.
Settings load(const std::string& text, std::map<std::string, std::string> variables = {}) {
  const auto environment = test_environment(std::move(variables));
  EXPECT_EQ(problems_of(text, environment), "");
  return load_text("f", text, environment).value_or(Settings{});
}

Names loop_names(const Settings& settings) {
  Names names;
  for (const auto& loop : settings.loops) names.push_back(loop.name);
  return names;
}

using Listeners = std::vector<host::ListenerOptions>;

TEST(Load, TheSmallestFileHasAllDefaults) {
  const auto settings = load("version: 1\n");
  EXPECT_EQ(settings.daemon.name, "evloopd");
  EXPECT_EQ(settings.daemon.shutdown.lame_duck, 0s);
  EXPECT_EQ(settings.daemon.shutdown.drain, 30s);
  EXPECT_EQ(loop_names(settings), (Names{"io-0", "io-1", "io-2"})) << "one for each CPU";
  EXPECT_EQ(settings.loops[0].selector, host::SelectorKind::epoll);
  EXPECT_EQ(settings.loops[0].stall_warn, 25ms);
  EXPECT_EQ(settings.loops[0].stall_critical, 1s);
  EXPECT_EQ(settings.loops[0].drain_timeout, 30s);
  EXPECT_TRUE(settings.loops[0].labels.empty());
  EXPECT_TRUE(settings.workloads.empty());
  EXPECT_EQ(settings.control.observe.socket, "/run/test/observe.sock");
  EXPECT_EQ(settings.control.observe.mode, 0666U);
  EXPECT_EQ(settings.control.admin.socket, "/run/test/admin.sock");
  EXPECT_EQ(settings.control.admin.mode, 0600U);
  EXPECT_EQ(settings.control.admin.group, "");
  EXPECT_TRUE(settings.metrics.enabled);
  EXPECT_EQ(settings.metrics.address, "127.0.0.1:9464");
  EXPECT_EQ(settings.log.level, evloop::LogLevel::info);
  EXPECT_EQ(settings.log.format, LogFormat::automatic);
}

TEST(Load, EveryKeyReachesItsSetting) {
  const auto settings = load(R"(
version: 1
daemon: {name: Edge.a_1, shutdown: {lame_duck: 5s, drain: 2m}}
loops: {names: "n{index}x", count: 2, selector: poll, stall: {warn: 5ms, critical: 2s}, drain: {timeout: 1h},
        labels: {role: proxy, zone: "b"}}
control:
  observe: {socket: /run/o.sock, mode: "0640", group: users}
  admin: {socket: a.sock, mode: 660, group: wheel}
metrics: {enabled: false, address: "[::1]:0"}
log: {level: warning, format: journal}
)");
  EXPECT_EQ(settings.daemon.name, "Edge.a_1");
  EXPECT_EQ(settings.daemon.shutdown.lame_duck, 5s);
  EXPECT_EQ(settings.daemon.shutdown.drain, 120s);
  EXPECT_EQ(loop_names(settings), (Names{"n0x", "n1x"}));
  EXPECT_EQ(settings.loops[1].selector, host::SelectorKind::poll);
  EXPECT_EQ(settings.loops[1].stall_warn, 5ms);
  EXPECT_EQ(settings.loops[1].stall_critical, 2s);
  EXPECT_EQ(settings.loops[1].drain_timeout, 1h);
  EXPECT_EQ(settings.loops[1].labels, (std::map<std::string, std::string>{{"role", "proxy"}, {"zone", "b"}}));
  EXPECT_EQ(settings.control.observe.socket, "/run/o.sock");
  EXPECT_EQ(settings.control.observe.mode, 0640U);
  EXPECT_EQ(settings.control.observe.group, "users");
  EXPECT_EQ(settings.control.admin.socket, "/run/test/a.sock");
  EXPECT_EQ(settings.control.admin.mode, 0660U);
  EXPECT_EQ(settings.control.admin.group, "wheel");
  EXPECT_FALSE(settings.metrics.enabled);
  EXPECT_EQ(settings.metrics.address, "[::1]:0");
  EXPECT_EQ(settings.log.level, evloop::LogLevel::warning);
  EXPECT_EQ(settings.log.format, LogFormat::journal);
}

TEST(Load, EveryKeyOfEachKindReachesItsOption) {
  const auto settings = load(R"(
version: 1
loops: {count: 2}
workloads:
  - {name: e, kind: tcp.echo, loops: [io-1], listen: [{address: "unix:/run/e.sock", max_connections: 1000000000,
     accept_rate: 3}], backlog: 7}
  - {name: h, kind: http.respond, listen: [{address: "127.0.0.1:81"}, {address: "[0:0::1]:82"}], status: 503,
     body: "no\n", content_type: text/html, idle_timeout: 2s}
  - {name: p, kind: tcp.proxy, listen: [{address: "127.0.0.1:0"}], upstreams: [{address: "127.0.0.1:81"},
     {address: "unix:/run/e.sock"}], balance: least_conn, connect: {timeout: 1s, attempts: 9}, buffer: 1MiB}
)");
  ASSERT_EQ(settings.workloads.size(), 3U);
  const auto& echo = settings.workloads[0];
  EXPECT_EQ(echo.options.name, "e");
  EXPECT_EQ(echo.options.loops, (Names{"io-1"}));
  EXPECT_EQ(
      echo.options.listeners,
      (Listeners{{.address = "unix:/run/e.sock", .limits = {.max_connections = 1'000'000'000, .accept_rate = 3}}}));
  EXPECT_EQ(echo.options.backlog, 7);
  EXPECT_EQ(echo.kind->kind(), "tcp.echo");

  EXPECT_EQ(settings.workloads[1].options.loops, (Names{"io-0", "io-1"})) << "all, when none is named";
  EXPECT_EQ(settings.workloads[1].options.listeners, (Listeners{{.address = "127.0.0.1:81"}, {.address = "[::1]:82"}}));
  EXPECT_EQ(settings.workloads[1].options.backlog, 4096);
  const auto& http = options_of<workloads::HttpRespondOptions>(settings.workloads[1]);
  EXPECT_EQ(http.status, 503);
  EXPECT_EQ(http.body, "no\n");
  EXPECT_EQ(http.content_type, "text/html");
  EXPECT_EQ(http.idle_timeout, 2s);

  const auto& proxy = options_of<workloads::TcpProxyOptions>(settings.workloads[2]);
  const auto& upstreams = proxy.upstreams;
  ASSERT_EQ(upstreams.list.size(), 2U);
  EXPECT_EQ(upstreams.list[0].address, "127.0.0.1:81");
  EXPECT_EQ(upstreams.list[1].address, "unix:/run/e.sock");
  EXPECT_EQ(upstreams.balance, workloads::Balance::least_conn);
  EXPECT_EQ(upstreams.connect_timeout, 1s);
  EXPECT_EQ(upstreams.connect_attempts, 9);
  EXPECT_EQ(proxy.buffer, 1024U * 1024U);
}

TEST(Load, EveryKeyOfFaultsReachesItsOption) {
  const auto settings = load(R"(
version: 1
workloads:
  - name: p
    kind: tcp.proxy
    listen: [{address: "127.0.0.1:0"}]
    upstreams: [{address: "127.0.0.1:81"}]
    faults: {percent: 7, seed: 8, direction: to_client, latency: 20ms, jitter: 5ms, bandwidth: 1MiB,
             slice: {size: 7B, delay: 2ms}, blackhole: true, reset: {bytes: 10KiB, time: 1m}}
)");
  ASSERT_EQ(settings.workloads.size(), 1U);
  const auto& faults = options_of<workloads::TcpProxyOptions>(settings.workloads[0]).connection.faults;
  EXPECT_EQ(faults, (host::FaultSpec{.percent = 7,
                                     .seed = 8,
                                     .direction = host::FaultDirection::to_client,
                                     .latency = 20ms,
                                     .jitter = 5ms,
                                     .bandwidth = 1 << 20,
                                     .slice_size = 7,
                                     .slice_delay = 2ms,
                                     .blackhole = true,
                                     .reset_bytes = 10 << 10,
                                     .reset_time = 1min}));
}

TEST(Load, EveryKeyOfAProgramReachesItsOption) {
  const auto settings = load(R"(
version: 1
daemon: {exec_workloads: true}
workloads:
  - name: e
    kind: exec
    programs:
      - {name: a, command: [worker, -x], environment: {B: c}, directory: /d, restart: on_failure, restart_delay: 2s,
         restart_delay_max: 3s, stable_after: 4s, stop_signal: HUP, stop_timeout: 5s, log_rate: 6}
      - {name: b, command: [/bin/true], mode: schedule, interval: 7s, timeout: 8s}
      - {name: c, command: [/bin/true], mode: once, timeout: 9s}
)");
  EXPECT_TRUE(settings.daemon.exec_workloads);
  using namespace workloads;
  const auto& options = options_of<ExecOptions>(settings.workloads.at(0));
  EXPECT_TRUE(options.may_exec);
  ASSERT_EQ(options.programs.size(), 3U);
  EXPECT_EQ(options.programs[0], (ExecProgramOptions{.name = "a",
                                                     .command = {"worker", "-x"},
                                                     .environment = {{"B", "c"}},
                                                     .directory = "/d",
                                                     .mode = ExecMode::supervise,
                                                     .restart = ExecRestart::on_failure,
                                                     .restart_delay = 2s,
                                                     .restart_delay_max = 3s,
                                                     .stable_after = 4s,
                                                     .stop_signal = ExecSignal::hangup,
                                                     .stop_timeout = 5s,
                                                     .log_rate = 6}));
  EXPECT_EQ(options.programs[1],
            (ExecProgramOptions{
                .name = "b", .command = {"/bin/true"}, .mode = ExecMode::schedule, .interval = 7s, .timeout = 8s}));
  EXPECT_EQ(options.programs[2],
            (ExecProgramOptions{.name = "c", .command = {"/bin/true"}, .mode = ExecMode::once, .timeout = 9s}));
}

TEST(Load, EveryKeyOfUpstreamsReachesItsOption) {
  const auto settings = load(R"(
version: 1
daemon: {exec_checks: true}
workloads:
  - name: p
    kind: tcp.proxy
    listen: [{address: "127.0.0.1:0"}]
    upstreams:
      - {address: "127.0.0.1:81", weight: 3, backup: true, max_connections: 9}
      - dns: "app.internal:80"
    connect: {retries: {percent: 7, min_per_second: 1}}
    queue: {length: 3, timeout: 4s}
    ejection: {failures: 9, resets: 8, time: 7s, max_time: 70s, max_percent: 10}
    check: {kind: http, interval: 3s, jitter: 0, timeout: 500ms, rise: 4, fall: 5, port: 81, tls: true, verify: false,
            server_name: s, ca: /ca.pem, method: HEAD, path: /h, host: h, statuses: [204], header: "A: b", body: ok}
    slow_start: 30s
    all_down: use_all
    dns: {servers: ["127.0.0.1:53"], min_ttl: 2s, max_ttl: 3s, timeout: 4s}
  - name: q
    kind: tcp.proxy
    listen: [{address: "127.0.0.1:0"}]
    upstreams: [{address: "127.0.0.1:81"}]
    check: {kind: exec, down_interval: 1s, command: [a, b]}
  - name: r
    kind: tcp.proxy
    listen: [{address: "127.0.0.1:0"}]
    upstreams: [{address: "127.0.0.1:81"}]
    check: {kind: expect, send: hello, expect: hi}
)");
  ASSERT_EQ(settings.workloads.size(), 3U);
  const auto options = [&](std::size_t i) {
    return options_of<workloads::TcpProxyOptions>(settings.workloads[i]).upstreams;
  };
  const auto all = options(0);
  EXPECT_EQ(all.list[0].weight, 3);
  EXPECT_TRUE(all.list[0].backup);
  EXPECT_EQ(all.list[0].max_connections, 9);
  EXPECT_EQ(all.list[1].dns, "app.internal:80");
  EXPECT_EQ(all.retries.percent, 7);
  EXPECT_EQ(all.retries.least, 1);
  EXPECT_EQ(all.queue.length, 3);
  EXPECT_EQ(all.queue.timeout, 4s);
  EXPECT_EQ(all.ejection.failures, 9);
  EXPECT_EQ(all.ejection.resets, 8);
  EXPECT_EQ(all.ejection.time, 7s);
  EXPECT_EQ(all.ejection.longest, 70s);
  EXPECT_EQ(all.ejection.most, 10);
  EXPECT_EQ(all.slow_start, 30s);
  EXPECT_EQ(all.all_down, workloads::AllDown::use_all);
  EXPECT_EQ(all.dns.servers, (Names{"127.0.0.1:53"}));
  EXPECT_EQ(all.dns.least, 2s);
  EXPECT_EQ(all.dns.most, 3s);
  EXPECT_EQ(all.dns.timeout, 4s);
  const auto& check = all.check;
  EXPECT_EQ(check.kind, workloads::CheckKind::http);
  EXPECT_EQ(check.interval, 3s);
  EXPECT_EQ(check.down_interval, 3s) << "as the other, unless it is given";
  EXPECT_EQ(check.jitter, 0);
  EXPECT_EQ(check.timeout, 500ms);
  EXPECT_EQ(check.rise, 4);
  EXPECT_EQ(check.fall, 5);
  EXPECT_EQ(check.port, 81);
  EXPECT_TRUE(check.tls);
  EXPECT_FALSE(check.tls_options.verify);
  EXPECT_EQ(check.tls_options.server_name, "s");
  EXPECT_EQ(check.tls_options.ca, "/ca.pem");
  EXPECT_EQ(check.method + check.path + check.host, "HEAD/hh");
  EXPECT_EQ(check.statuses, (Names{"204"}));
  EXPECT_EQ(check.header, "A: b");
  EXPECT_EQ(check.body, "ok");
  EXPECT_EQ(options(1).check.command, (Names{"a", "b"}));
  EXPECT_EQ(options(1).check.down_interval, 1s);
  EXPECT_TRUE(options(1).check.may_exec);
  EXPECT_EQ(options(2).check.send, "hello");
  EXPECT_EQ(options(2).check.expect, "hi");
}

TEST(Load, LoopsMayComeInGroupsThatWorkloadsNameByTheirPattern) {
  const auto settings = load(R"(
version: 1
loops:
  - {names: "io-{index}", count: auto}
  - {names: "web-{index}", count: 2, selector: poll}
  - {names: main, count: 1}
workloads:
  - {name: e, kind: tcp.echo, loops: ["web-{index}", main], listen: [{address: "127.0.0.1:0"}]}
)");
  EXPECT_EQ(loop_names(settings), (Names{"io-0", "io-1", "io-2", "web-0", "web-1", "main"}));
  EXPECT_EQ(settings.loops[2].selector, host::SelectorKind::epoll);
  EXPECT_EQ(settings.loops[3].selector, host::SelectorKind::poll);
  EXPECT_EQ(settings.workloads.at(0).options.loops, (Names{"web-0", "web-1", "main"}));
}

TEST(Load, AutomaticCountsStayWithinTheLimit) {
  auto environment = test_environment();
  environment.cpus = 1000;
  EXPECT_EQ(load_text("f", "version: 1", environment).value().loops.size(), 256U);
}

TEST(Load, RaisingOnlyTheWarningRaisesTheCriticalLimitWithIt) {
  EXPECT_EQ(load("version: 1\nloops: {stall: {warn: 3s}}").loops.at(0).stall_critical, 3s);
}

TEST(Load, AReplyThatCanHaveNoBodyGetsNone) {
  const auto settings =
      load("version: 1\nworkloads: [{name: h, kind: http.respond, listen: [{address: '127.0.0.1:0'}], status: 204}]");
  EXPECT_EQ(options_of<workloads::HttpRespondOptions>(settings.workloads.at(0)).body, "");
}

TEST(Load, AnAliasRepeatsAValue) {
  const auto settings = load(R"(
version: 1
loops: [{names: a, count: 1, stall: &short {warn: 5ms}}, {names: b, count: 1, stall: *short}]
)");
  EXPECT_EQ(settings.loops.at(1).stall_warn, 5ms);
}

TEST(Load, MetricsThatAreOffTakeNoAddress) {
  load(
      "version: 1\nmetrics: {enabled: false}\n"
      "workloads: [{name: e, kind: tcp.echo, listen: [{address: '127.0.0.1:9464'}]}]");
}

TEST(Load, VariablesAreFilledInAfterParsing) {
  const auto settings = load(R"(
version: 1
daemon: {name: "${NAME}"}
loops: {count: "${COUNT:-2}", names: "x-{index}", selector: "${EMPTY:-poll}"}
workloads: [{name: h, kind: http.respond, listen: [{address: "${HOST:-127.0.0.1}:${PORT}"}], body: "${BODY} $5 $${X}"}]
)",
                             {{"NAME", "edge"}, {"EMPTY", ""}, {"PORT", "80"}, {"BODY", "a: {b}\n- ${c} *d"}});
  EXPECT_EQ(settings.daemon.name, "edge");
  EXPECT_EQ(settings.loops.size(), 2U);
  EXPECT_EQ(settings.loops.at(0).selector, host::SelectorKind::poll);
  EXPECT_EQ(settings.workloads.at(0).options.listeners, (Listeners{{.address = "127.0.0.1:80"}}));
  EXPECT_EQ(options_of<workloads::HttpRespondOptions>(settings.workloads.at(0)).body, "a: {b}\n- ${c} *d $5 ${X}")
      << "a value cannot change the structure, nor be filled in again";
}

class LoadFile : public testing::Test {
 protected:
  LoadFile() {
    std::string pattern = testing::TempDir() + "settings-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~LoadFile() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name) << text;
    return directory_ / name;
  }

  std::filesystem::path directory_;
};

TEST_F(LoadFile, ReadsTheFileAndWhatItNamesBesideIt) {
  static_cast<void>(write("secret", "s3cret\n"));
  const auto path = write("evloopd.yaml",
                          "version: 1\nworkloads: [{name: h, kind: http.respond, listen: [{address: '127.0.0.1:0'}], "
                          "body: 'x ${file:secret} y'}]");
  const auto settings = load_file(path, test_environment());
  ASSERT_TRUE(settings) << to_string(settings.error().front());
  EXPECT_EQ(options_of<workloads::HttpRespondOptions>(settings->workloads.at(0)).body, "x s3cret y");
  EXPECT_EQ(settings->hidden, (std::map<std::string, std::string>{{"workloads[0].body", "x ${file:secret} y"}}));
}

TEST_F(LoadFile, ProblemsNameTheFile) {
  const auto path = write("evloopd.yaml", "version: 1\nlog: {level: loud}\n");
  const auto settings = load_file(path, test_environment());
  ASSERT_FALSE(settings);
  EXPECT_EQ(to_string(settings.error().at(0)),
            path + ":2:14: log.level: must be debug, info, warning or error, got \"loud\"");
}

TEST_F(LoadFile, AFileThatCannotBeReadIsAProblem) {
  const auto error_of = [](const std::string& path) {
    const auto settings = load_file(path, test_environment());
    return settings ? "none" : to_string(settings.error().at(0));
  };
  const auto missing = directory_ / "missing.yaml";
  EXPECT_EQ(error_of(missing), missing.string() + ": cannot be read: No such file or directory");
  EXPECT_EQ(error_of(directory_), directory_.string() + ": cannot be read: Is a directory");
  EXPECT_EQ(error_of("/dev/zero"), "/dev/zero: is larger than 1048576 bytes");
}

TEST_F(LoadFile, ASecretIsNeverInAProblem) {
  static_cast<void>(write("secret", "s3cret"));
  const auto path = write("evloopd.yaml", R"(version: 1
daemon: {name: "${file:secret}"}
workloads:
  - {name: h, kind: http.respond, listen: [{address: "127.0.0.1:0"}], status: 204, body: "${file:secret}"}
  - {name: i, kind: http.respond, listen: [{address: "127.0.0.1:0"}], body: "${file:missing}"}
  - {name: j, kind: http.respond, listen: [{address: "127.0.0.1:0"}], body: "${file:/dev/zero}"}
)");
  const auto settings = load_file(path, test_environment());
  ASSERT_FALSE(settings);
  std::string problems;
  for (const auto& problem : settings.error()) problems += to_string(problem).substr(path.size()) + '\n';
  EXPECT_EQ(problems,
            ":2:16: daemon.name: cannot come from a file; ${file:...} is for texts such as a workload's body\n"
            ":4:90: workloads[0].body: must be empty or left out: a reply with status 204 has no body\n"
            ":5:77: workloads[1].body: cannot read \"" +
                (directory_ / "missing").string() +
                "\": No such file or directory\n"
                ":6:77: workloads[2].body: cannot read \"/dev/zero\": not a regular file\n");
}

}  // namespace
}  // namespace evloopd::settings
