#include "settings/print.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <tuple>
#include <vector>

#include "settings/loading.h"
#include "workloads/probe/options.h"

namespace evloopd::settings {
namespace {

// All members, by structured bindings: a member that is added does not compile until it is listed here.
auto fields(const host::LoopOptions& o) {
  const auto& [name, labels, selector, warn, critical, drain] = o;
  return std::tuple(name, labels, selector, warn, critical, drain);
}
auto fields(const host::WorkloadOptions& o) {
  const auto& [name, loops, listeners, backlog, listens] = o;
  return std::tuple(name, loops, listeners, backlog, listens);
}
auto fields(const workloads::TcpEchoOptions&) { return std::tuple(); }
auto fields(const workloads::TcpDiscardOptions&) { return std::tuple(); }
auto fields(const workloads::HttpRespondOptions& o) {
  const auto& [status, body, content_type, idle_timeout] = o;
  return std::tuple(status, body, content_type, idle_timeout);
}
auto fields(const workloads::ConnectionOptions& o) {
  const auto& [timeouts, limits, access, protocol, log, listen, connect, routes, faults] = o;
  const auto& [greeting, first_byte, idle, half_close, lifetime] = timeouts;
  const auto& [connections, per_source, accept_rate] = limits;
  const auto& [allow, deny] = access;
  const auto& [from, send] = protocol;
  const auto& [path] = log;
  const auto& [certificates, client_ca, client_verify, alpn, minimum_version] = listen;
  const auto& [enabled, ca, verify, server_name, certificate] = connect;
  const auto& [percent, seed, direction, latency, jitter, bandwidth, slice_size, slice_delay, blackhole, reset_bytes,
               reset_time] = faults;
  std::string all_routes;
  for (const auto& [name, upstreams] : routes)
    for (const auto& upstream : upstreams) all_routes += name + ' ' + upstream + ' ';
  return std::tuple(greeting, first_byte, idle, half_close, lifetime, connections, per_source, accept_rate, allow, deny,
                    from, send, path, certificates, client_ca, client_verify, alpn, minimum_version, enabled, ca,
                    verify, server_name, certificate, all_routes, percent, seed, direction, latency, jitter, bandwidth,
                    slice_size, slice_delay, blackhole, reset_bytes, reset_time);
}
auto fields(const workloads::CheckOptions& o) {
  const auto& [kind, interval, down_interval, jitter, timeout, rise, fall, port, tls, tls_options, method, path, host,
               statuses, header, body, send, expect, command, may_exec, service, authority, query, type, answers] = o;
  const auto& [verify, server_name, ca, minimum_version] = tls_options;
  return std::tuple(kind, interval, down_interval, jitter, timeout, rise, fall, port, tls, verify, server_name, ca,
                    method, path, host, statuses, header, body, send, expect, command, may_exec, minimum_version,
                    service, authority, query, type, answers);
}
auto fields(const workloads::UpstreamsOptions& o) {
  const auto& [list, balance, timeout, attempts, retries, queue, ejection, check, slow_start, all_down, dns] = o;
  std::string texts;
  for (const auto& [address, name, weight, backup, most] : list)
    texts +=
        address + ' ' + name + ' ' + std::to_string(weight) + (backup ? " backup " : " ") + std::to_string(most) + '\n';
  const auto& [percent, least] = retries;
  const auto& [length, queue_timeout] = queue;
  const auto& [failures, resets, time, longest, most_ejected] = ejection;
  const auto& [servers, least_ttl, most_ttl, dns_timeout] = dns;
  return std::tuple(texts, balance, timeout, attempts, percent, least, length, queue_timeout, failures, resets, time,
                    longest, most_ejected, fields(check), slow_start, all_down, servers, least_ttl, most_ttl,
                    dns_timeout);
}
auto fields(const workloads::TcpProxyOptions& o) {
  const auto& [upstreams, buffer, connection] = o;
  return std::tuple(fields(upstreams), buffer, fields(connection));
}
auto fields(const workloads::ProbeOptions& o) {
  const auto& [targets] = o;
  using Check = decltype(fields(workloads::CheckOptions()));
  std::vector<std::tuple<std::string, std::string, Check, std::vector<std::string>>> all;
  for (const auto& [name, address, check, name_servers] : targets)
    all.emplace_back(name, address, fields(check), name_servers);
  return all;
}
auto fields(const workloads::UdpRelayOptions& o) {
  const auto& [list, balance, idle, most, per_source, max_datagram] = o;
  return std::tuple(fields({.list = list}), balance, idle, most, per_source, max_datagram);
}
auto fields(const workloads::ExecOptions& o) {
  const auto& [programs, may_exec] = o;
  const auto fields_of = [](const workloads::ExecProgramOptions& p) {
    const auto& [name, command, environment, directory, mode, restart, delay, longest, stable, interval, timeout,
                 signal, stop_timeout, log_rate] = p;
    return std::tuple(name, command, environment, directory, mode, restart, delay, longest, stable, interval, timeout,
                      signal, stop_timeout, log_rate);
  };
  std::vector<decltype(fields_of({}))> all;
  for (const auto& program : programs) all.push_back(fields_of(program));
  return std::pair(all, may_exec);
}
auto fields(const ControlSocket& o) {
  const auto& [socket, mode, group] = o;
  return std::tuple(socket, mode, group);
}

// False if they have other options.
template <class Options>
bool compare(const WorkloadSettings& a, const WorkloadSettings& b) {
  if (!dynamic_cast<const OptionsOf<Options>*>(a.kind.get())) return false;
  EXPECT_EQ(fields(options_of<Options>(a)), fields(options_of<Options>(b)));
  return true;
}
void expect_equal_kinds(const WorkloadSettings& a, const WorkloadSettings& b) {
  ASSERT_EQ(a.kind->kind(), b.kind->kind());
  EXPECT_TRUE(compare<workloads::TcpEchoOptions>(a, b) || compare<workloads::TcpDiscardOptions>(a, b) ||
              compare<workloads::HttpRespondOptions>(a, b) || compare<workloads::TcpProxyOptions>(a, b) ||
              compare<workloads::UdpRelayOptions>(a, b) || compare<workloads::ProbeOptions>(a, b) ||
              compare<workloads::ExecOptions>(a, b))
      << a.kind->kind() << " is not compared";
}

void expect_equal(const Settings& a, const Settings& b) {
  const auto rest = [](const Settings& s) {
    // Groups are printed as the loops they make.
    const auto& [daemon, loops, groups, workloads, control, metrics, log, hidden] = s;
    const auto& [name, shutdown, exec_checks, exec_workloads] = daemon;
    const auto& [lame_duck, drain] = shutdown;
    const auto& [observe, admin] = control;
    const auto& [enabled, address] = metrics;
    const auto& [level, format] = log;
    return std::tuple(name, lame_duck, drain, exec_checks, exec_workloads, fields(observe), fields(admin), enabled,
                      address, level, format, hidden);
  };
  EXPECT_EQ(rest(a), rest(b));
  ASSERT_EQ(a.loops.size(), b.loops.size());
  for (std::size_t i = 0; i < a.loops.size(); ++i) EXPECT_EQ(fields(a.loops[i]), fields(b.loops[i]));
  ASSERT_EQ(a.workloads.size(), b.workloads.size());
  for (std::size_t i = 0; i < a.workloads.size(); ++i) {
    EXPECT_EQ(fields(a.workloads[i].options), fields(b.workloads[i].options));
    expect_equal_kinds(a.workloads[i], b.workloads[i]);
  }
}

// Loads, prints and loads again.
void expect_round_trip(const std::string& text) {
  const auto first = load_text("f", text, test_environment());
  ASSERT_TRUE(first) << problems_of(text);
  const auto printed = print_config(*first);
  // Another machine: what is printed says all.
  auto elsewhere = test_environment();
  elsewhere.cpus = 1;
  elsewhere.runtime_directory = "/elsewhere";
  const auto second = load_text("f", printed, elsewhere);
  ASSERT_TRUE(second) << printed << problems_of(printed);
  expect_equal(*first, *second);
}

TEST(PrintConfig, ARelayLoadsBackToEqualSettings) {
  expect_round_trip(R"(
version: 1
workloads:
  - name: n
    kind: udp.relay
    listen: [{address: "[::]:53"}, {address: "127.0.0.1:53"}]
    upstreams: [{address: "[::1]:83", weight: 3, max_connections: 9}, {address: "10.0.0.1:53", backup: true}]
    balance: source_hash
    sessions: {idle: 1500ms, most: 7, per_source: 3}
    max_datagram: 1232B
)");
}

TEST(PrintConfig, UpstreamsLoadBackToEqualSettings) {
  const std::string begin = R"(
version: 1
daemon: {exec_checks: true}
workloads:
  - name: p
    kind: tcp.proxy
    listen: [{address: "0.0.0.0:82"}]
    upstreams: [{address: "[::1]:83", weight: 3, max_connections: 9}, {dns: "app.internal:80", backup: true},
                {dns: _app._tcp.internal}]
    balance: consistent_hash
    connect: {retries: {percent: 7, min_per_second: 1}}
    queue: {length: 3, timeout: 4s}
    ejection: {failures: 9, resets: 8, time: 7s, max_time: 70s, max_percent: 10}
    slow_start: 30s
    all_down: use_all
    dns: {servers: ["127.0.0.1:53", "[::1]:5353"], min_ttl: 2s, max_ttl: 3s, timeout: 4s}
)";
  const std::string rest = ", interval: 3s, down_interval: 1s, jitter: 0, timeout: 500ms, rise: 4, fall: 5";
  for (const std::string check :
       {"kind: tcp, port: 81",
        R"(kind: tls, verify: false, server_name: a.example, ca: /etc/ca.pem, minimum_version: "1.3")",
        "kind: grpc, tls: true, service: a.B, authority: c.example",
        R"(kind: http, tls: true, method: HEAD, path: "/h?a=$b", host: h, statuses: [200, 3xx], header: "A: b")",
        R"(kind: http, body: "\"${x:-é}\"")", R"(kind: expect, send: "PING\r\n", expect: "+PONG\r")",
        R"(kind: exec, command: [/bin/sh, -c, "exit 0"])"})
    expect_round_trip(begin + "    check: {" + check + rest + "}\n");
}

TEST(PrintConfig, ProbesLoadBackToEqualSettings) {
  expect_round_trip(R"(
version: 1
workloads:
  - name: p
    kind: probe
    name_servers: ["127.0.0.1:53"]
    targets:
      - {name: a, address: "[::1]:83", check: {kind: tcp, interval: 3s, jitter: 0, timeout: 500ms, rise: 4, fall: 5}}
      - {name: b, address: "www.example.org:443", check: {kind: tls, interval: 1h, failing_interval: 7s,
         minimum_version: "1.3"}}
      - {name: c, address: "unix:/run/x", check: {kind: http, path: "/h?a=$b", statuses: [200], body: "\"$${x}\""}}
      - {name: d, address: "10.0.0.1:1", check: {kind: expect, send: "PING\r\n", expect: "+PONG\r"}}
      - {name: e, address: "10.0.0.1:2", check: {kind: grpc, tls: true, verify: false, service: a.B, authority: c}}
      - {name: f, check: {kind: dns, query: a.example}}
      - {name: g, address: "10.0.0.2:53", check: {kind: dns, query: a.example, type: MX, answers: ["10 Mail.Example."]}}
)");
}

TEST(PrintConfig, ProgramsLoadBackToEqualSettings) {
  expect_round_trip(R"(
version: 1
daemon: {exec_workloads: true}
workloads:
  - name: e
    kind: exec
    programs:
      - {name: a, command: [worker, "-x $${y} é", ""], environment: {A_1: "b \"$${c}\"", D: ""}, directory: /var/lib,
         restart: on_failure, restart_delay: 20ms, restart_delay_max: 30ms, stable_after: 0s, stop_signal: USR2,
         stop_timeout: 1h, log_rate: 0}
      - {name: b, command: [/bin/true], mode: schedule, interval: 100ms, timeout: 5s, stop_signal: KILL}
      - {name: c, command: [/bin/true], mode: once, timeout: 8760h}
)");
}

TEST(PrintConfig, ShowsTheExpressionOfWhatIsInAnEnvironment) {
  const std::string path = testing::TempDir() + "print_config_environment";
  std::ofstream(path) << "s3cret";
  const auto text =
      "version: 1\ndaemon: {exec_workloads: true}\nworkloads:\n- {name: w, kind: exec, programs: [{name: a, command: "
      "[a]}, {name: b, command: [b], environment: {TOKEN: \"${file:" +
      path + "}\"}}]}\n";
  const auto settings = load_text("f", text, test_environment());
  ASSERT_TRUE(settings) << problems_of(text);
  EXPECT_EQ(options_of<workloads::ExecOptions>(settings->workloads.at(0)).programs.at(1).environment.at("TOKEN"),
            "s3cret");
  const auto printed = print_config(*settings);
  EXPECT_EQ(printed.find("s3cret"), std::string::npos);
  EXPECT_NE(printed.find("\"TOKEN\": \"${file:" + path + "}\"\n"), std::string::npos) << printed;
  expect_round_trip(text);
  std::remove(path.c_str());
}

TEST(PrintConfig, LoadsBackToEqualSettings) {
  expect_round_trip("version: 1");
  expect_round_trip(R"(
version: 1
daemon: {name: null-1, shutdown: {lame_duck: 1500ms, drain: 7s}}
loops:
  - {names: "true", count: 1, selector: poll, stall: {warn: 1ms, critical: 77s}, drain: {timeout: 0s}}
  - {names: "1e3-{index}", count: 2, labels: {a: "x: {y} # \"z\" \\", _b.c-d: "~" }}
workloads:
  - {name: "0", kind: tcp.echo, loops: ["true"], listen: [{address: "unix:/run/it's a \"socket\""}], backlog: 1}
  - {name: "null", kind: http.respond, listen: [{address: "[::]:0"}, {address: "127.0.0.1:81"}], status: 404,
     body: "a\r\n\t\x01\x7f\u0085\u00a0\u2028\ufeff\U0001f600 'q' \"q\" \\ $${NAME} $$${} $ # x: - y  ",
     idle_timeout: 1ms, content_type: "text/html; a=\"b\\c\""}
  - {name: "no", kind: http.respond, listen: [{address: "[::]:0", max_connections: 7}, {address: "[::1]:8",
     accept_rate: 9}], status: 204}
  - {name: p, kind: tcp.proxy, listen: [{address: "0.0.0.0:82"}], upstreams: [{address: "[::1]:83"}, {address:
     "unix:/x"}], balance: least_conn, connect: {timeout: 3ms, attempts: 100}, buffer: 4097B,
     timeouts: {greeting: 0s, first_byte: 1s, idle: 2h, half_close: 3ms, lifetime: 8760h},
     limits: {connections: 1, per_source: 2, accept_rate: 3}, access: {allow: ["10.0.0.0/8", "::1"], deny: [10.1.0.0/16]},
     proxy_protocol: {from: ["0.0.0.0/0"], send: v2}, access_log: {path: "/a \"b\" $${c}"},
     tls: {listen: {certificates: [/a.pem, "/b c.pem"], client_ca: /ca.pem, verify: optional, alpn: [h2, "x\"y"],
     minimum_version: "1.3"}, connect: {enabled: true, ca: /d, verify: false, server_name: e, certificate: /f}},
     routes: {"*.a.example": ["10.0.0.1:443", "unix:/x"], b.example: ["[::1]:1"]},
     faults: {percent: 7, seed: 8, direction: to_client, latency: 20ms, jitter: 5ms, bandwidth: 1MiB,
     slice: {size: 7B, delay: 2ms}, blackhole: true, reset: {bytes: 10KiB, time: 1m}}}
control: {observe: {socket: "/run/$${x}", mode: "0000", group: "a b"}, admin: {socket: /run/b, mode: "0770"}}
metrics: {enabled: false, address: "0.0.0.0:1"}
log: {level: debug, format: text}
)");
}

TEST(PrintConfig, ShowsLimitsOfListenersThatHaveOne) {
  const auto settings = load_text("f", R"(
version: 1
workloads:
  - name: e
    kind: tcp.echo
    listen: [{address: "127.0.0.1:1"}, {address: "127.0.0.1:2", max_connections: 3}, {address: "127.0.0.1:4",
             max_connections: 0, accept_rate: 0}]
)",
                                  test_environment());
  ASSERT_TRUE(settings);
  EXPECT_NE(print_config(*settings).find(R"(
    listen:
      - address: "127.0.0.1:1"
      - address: "127.0.0.1:2"
        max_connections: 3
        accept_rate: 0
      - address: "127.0.0.1:4"
    backlog: 4096
)"),
            std::string::npos)
      << print_config(*settings);
}

TEST(PrintConfig, ShowsTheExpressionOfASecretAndNotTheSecret) {
  const std::string path = testing::TempDir() + "print_config_secret";
  std::ofstream(path) << "s3cret ${X}\n";
  const auto text =
      "version: 1\nworkloads: [{name: h, kind: http.respond, listen: [{address: '127.0.0.1:0'}], body: "
      "\"$${a} ${file:" +
      path + "}\"}]";
  const auto settings = load_text("f", text, test_environment());
  ASSERT_TRUE(settings) << problems_of(text);
  EXPECT_EQ(options_of<workloads::HttpRespondOptions>(settings->workloads.at(0)).body, "${a} s3cret ${X}");
  const auto printed = print_config(*settings);
  EXPECT_EQ(printed.find("s3cret"), std::string::npos);
  EXPECT_NE(printed.find("body: \"$${a} ${file:" + path + "}\"\n"), std::string::npos) << printed;
  expect_round_trip(text);
  std::remove(path.c_str());
}

TEST(PrintConfig, ShowsTheExpressionOfWhatACheckSends) {
  const std::string path = testing::TempDir() + "print_config_send";
  std::ofstream(path) << "s3cret";
  const auto send = "send: \"AUTH ${file:" + path + "}\"";
  const auto check = "check: {kind: expect, " + send + ", expect: OK}";
  const auto text =
      "version: 1\nworkloads:\n- {name: w, kind: probe, targets: [{name: a, address: '127.0.0.1:1', " + check +
      "}]}\n- {name: p, kind: tcp.proxy, listen: [{address: '127.0.0.1:0'}], upstreams: [{address: '127.0.0.1:1'}], " +
      check + "}\n";
  const auto settings = load_text("f", text, test_environment());
  ASSERT_TRUE(settings) << problems_of(text);
  EXPECT_EQ(options_of<workloads::ProbeOptions>(settings->workloads.at(0)).targets.at(0).check.send, "AUTH s3cret");
  const auto printed = print_config(*settings);
  EXPECT_EQ(printed.find("s3cret"), std::string::npos);
  EXPECT_NE(printed.find("\n          " + send), std::string::npos) << printed;
  EXPECT_NE(printed.find("\n      " + send), std::string::npos) << printed;
  expect_round_trip(text);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace evloopd::settings
