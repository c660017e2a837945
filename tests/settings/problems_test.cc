// Every message, with its position. The texts are what users read: a change here is a change of the product.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "settings/loading.h"
#include "settings/parse.h"

namespace evloopd::settings {
namespace {

struct Case {
  std::string text;
  std::string problems;
};

void check(const std::vector<Case>& cases) {
  for (const auto& [text, problems] : cases) EXPECT_EQ(problems_of(text), problems) << text;
}

TEST(Problems, OfYaml) {
  check({
      {"", "f: is empty; the smallest configuration is `version: 1`\n"},
      {"# nothing\n", "f: is empty; the smallest configuration is `version: 1`\n"},
      {"~", "f: is empty; the smallest configuration is `version: 1`\n"},
      {"version: 1\n\tlog: {}\n", "f:2:1: is not YAML: illegal tab when looking for indentation\n"},
      {"log: {level: info\n", "f:2:1: is not YAML: end of map flow not found\n"},
      {"log: *x\n", "f:1:6: is not YAML: the referenced anchor is not defined\n"},
      {"version: 1\n version: 2\n", "f:2:9: is not YAML: illegal map value\n"},
      {"version: 1\n---\nversion: 1\n", "f:2:1: a second document begins here; a configuration is one document\n"},
      {"version: 1\nlog: {level: \"a\xff\"}\n", "f:2:16: is not text in UTF-8: byte 0xff\n"},
      {std::string("version: 1\n\0", 12), "f:2:1: is not text in UTF-8: byte 0x00\n"},
      {"\xff\xfe", "f:1:1: is not text in UTF-8: byte 0xff\n"},
      {"version: 1\nversion: 1\nversion: 1\n",
       "f:2:1: version: duplicate key; it is given first in line 1\n"
       "f:3:1: version: duplicate key; it is given first in line 1\n"},
      {"version: 1\nlog:\n  level: info\n  format: json\n  level: info\n",
       "f:5:3: log.level: duplicate key; it is given first in line 3\n"},
      {"version: 1\nx: &x {level: info}\nlog:\n  <<: *x\n",
       "f:2:1: x: unknown key; allowed here: version, daemon, loops, workloads, control, metrics, log\n"
       "f:4:3: log.<<: merge keys are not supported; write the keys out, or use an alias for one value\n"},
      {"version: !!int 1\n", "f:1:10: version: tags mean nothing here; leave \"tag:yaml.org,2002:int\" out\n"},
      {"version: 1\nlog: !x {}\n", "f:2:6: log: tags mean nothing here; leave \"!x\" out\n"},
      {"version: 1\nlog: {level: \"a\\N\"}\n",
       "f:2:14: log.level: write \\u0085 instead of \\N and \\u00a0 instead of \\_\n"},
      {"? [a]\n: 1\n", "f:1:3: a key must be a word, not a list or a mapping\n"},
      {"? {a: 1}\n: 1\n", "f:1:3: a key must be a word, not a list or a mapping\n"},
      {"~: 1\n", "f:1:1: a key is missing here\n"},
      {"log: &x level\n*x : 1\n", "f:2:1: an alias cannot be a key\n"},
      {"log: &x [*x]\n", "f:1:10: log[0]: an alias cannot stand inside the value it repeats\n"},
  });
}

TEST(Problems, OfTheFileAsAWhole) {
  check({
      {"[version, 1]\n", "f:1:1: must be a mapping with keys, got a list\n"},
      {"hello\n", "f:1:1: must be a mapping with keys, got \"hello\"\n"},
      {"log: {}\n", "f:1:1: version: is missing; write `version: 1`\n"},
      {"version: 2\n", "f:1:10: version: must be 1, got \"2\"\n"},
      {"version: 1\nworkload: []\n", "f:2:1: workload: unknown key; did you mean \"workloads\"?\n"},
      {"version: 1\n\"a\\nb\": 1\n",
       "f:2:1: a\\nb: unknown key; allowed here: version, daemon, loops, workloads, control, metrics, log\n"},
  });
}

TEST(Problems, OfTypes) {
  check({
      {"version: 1\nlog:\n", "f:2:1: log: has no value; it must be a mapping with keys\n"},
      {"version: 1\nlog: []\n", "f:2:6: log: must be a mapping with keys, got a list\n"},
      {"version: 1\nlog: {level: {}}\n", "f:2:14: log.level: must be debug, info, warning or error, got a mapping\n"},
      {"version: 1\nlog: {level: null}\n",
       "f:2:7: log.level: has no value; it must be debug, info, warning or error\n"},
      {"version: 1\nmetrics: {enabled: yes}\n", "f:2:20: metrics.enabled: must be true or false, got \"yes\"\n"},
      {"version: 1\nmetrics: {enabled: True}\n", "f:2:20: metrics.enabled: must be true or false, got \"True\"\n"},
      {"version: 1\nworkloads: {}\n", "f:2:12: workloads: must be a list of workloads, got a mapping\n"},
      {"version: 1\ndaemon: {shutdown: {drain: 30}}\n",
       "f:2:28: daemon.shutdown.drain: must be a duration with its unit (ms, s, m, h) from 0s to 24h, got "
       "\"30\"\n"},
      {"version: 1\ndaemon: {shutdown: {lame_duck: 2h}}\n",
       "f:2:32: daemon.shutdown.lame_duck: must be a duration with its unit (ms, s, m, h) from 0s to 1h, got "
       "\"2h\"\n"},
      {"version: 1\ndaemon: {name: a b}\n",
       "f:2:16: daemon.name: must be a name of 1 to 63 letters, digits, dots, - and _, got \"a b\"\n"},
  });
}

TEST(Problems, OfFilling) {
  const auto environment = test_environment({{"LEVEL", "loud"}, {"LATIN", "\xe9"}});
  const auto problems = [&](const std::string& level) {
    return problems_of("version: 1\nlog: {level: \"" + level + "\"}\n", environment);
  };
  EXPECT_EQ(problems("${LEVEL}"),
            "f:2:14: log.level: must be debug, info, warning or error, got \"loud\" from \"${LEVEL}\"\n");
  EXPECT_EQ(problems("${NONE}"),
            "f:2:14: log.level: the environment variable NONE is not set; set it, or write ${NONE:-default}\n");
  EXPECT_EQ(problems("${LATIN}"), "f:2:14: log.level: the environment variable LATIN is not text in UTF-8\n");
  EXPECT_EQ(problems("${LEVEL"), "f:2:14: log.level: ${ without its }; write $${ for a plain ${\n");
  EXPECT_EQ(problems("${a-b}"),
            "f:2:14: log.level: ${a-b} is not understood; write ${NAME}, ${NAME:-default} or ${file:path}, and $${ for "
            "a plain ${\n");
}

TEST(Problems, OfLoops) {
  check({
      {"version: 1\nloops: 4\n",
       "f:2:8: loops: must be a group of loops, as in {count: 4, names: \"io-{index}\"}, or a list of groups, got "
       "\"4\"\n"},
      {"version: 1\nloops: []\n", "f:2:8: loops: is empty; a daemon has at least one loop\n"},
      {"version: 1\nloops: {count: many}\n",
       "f:2:16: loops.count: must be auto or a whole number from 1 to 256, got \"many\"\n"},
      {"version: 1\nloops: {count: 0}\n",
       "f:2:16: loops.count: must be auto or a whole number from 1 to 256, got \"0\"\n"},
      {"version: 1\nloops: {count: 1.0}\n",
       "f:2:16: loops.count: must be auto or a whole number from 1 to 256, got \"1.0\"\n"},
      {"version: 1\nloops: {cuont: 1, cpu_affinity: none}\n",
       "f:2:9: loops.cuont: unknown key; did you mean \"count\"?\n"
       "f:2:19: loops.cpu_affinity: unknown key; allowed here: names, count, selector, stall, drain, labels\n"},
      {"version: 1\nloops: {names: IO, count: 1}\n",
       "f:2:16: loops.names: must be a name of 1 to 63 of a-z, 0-9 and -, with no - at either end, in which {index} "
       "may stand for the number of the loop, got \"IO\"\n"},
      {"version: 1\nloops: {names: io, count: 2}\n",
       "f:2:16: loops.names: must contain {index}, because there are 2 loops, got \"io\"\n"},
      {"version: 1\nloops:\n  - {count: 1}\n  - {names: 'io-{index}', count: 2}\n",
       "f:4:13: loops[1].names: there is a loop \"io-0\" already, in loops[0]\n"},
      {"version: 1\nloops: [{names: 'a{index}', count: 200}, {names: 'b{index}', count: 57}]\n",
       "f:2:8: loops: must be at most 256 loops in all, got 257\n"},
      {"version: 1\nloops: {selector: kqueue}\n", "f:2:19: loops.selector: must be epoll or poll, got \"kqueue\"\n"},
      {"version: 1\nloops: {stall: {warn: 2s, critical: 1s}}\n",
       "f:2:37: loops.stall.critical: must not be shorter than warn, which is 2s, got 1s\n"},
      {"version: 1\nloops: {stall: {critical: 1ms}}\n",
       "f:2:27: loops.stall.critical: must not be shorter than warn, which is 25ms, got 1ms\n"},
      {"version: 1\nloops: {stall: {warn: 0s, critical: 1ms}}\n",
       "f:2:23: loops.stall.warn: must be a duration with its unit (ms, s, m, h) from 1ms to 10m, got \"0s\"\n"},
      {"version: 1\nloops: {drain: {timeout: 25h}}\n",
       "f:2:26: loops.drain.timeout: must be a duration with its unit (ms, s, m, h) from 0s to 24h, got "
       "\"25h\"\n"},
      {"version: 1\nloops: {labels: {0a: b, ok: \"c\\n\"}}\n",
       "f:2:18: loops.labels.0a: must be a label of 1 to 63 letters, digits, dots, - and _, beginning with a letter or "
       "_, got \"0a\"\n"
       "f:2:29: loops.labels.ok: must be a text of at most 255 bytes without control characters, got \"c\\n\"\n"},
  });
}

TEST(Problems, OfDatagrams) {
  const std::string begin = "version: 1\nworkloads:\n- name: n\n  kind: udp.relay\n";
  const std::string ups = "  upstreams: [{address: '127.0.0.1:53'}]\n";
  check({
      {begin +
           "  listen: [{address: 'unix:/run/n', accept_rate: 5}, {address: '127.0.0.1:5353', max_connections: 0}]\n" +
           ups,
       "f:5:22: workloads[0].listen[0].address: must be an address such as 127.0.0.1:5353 or [::1]:5353, got "
       "unix:/run/n; a workload of this kind takes UDP\n"
       "f:5:50: workloads[0].listen[0].accept_rate: limits connections, and a workload of this kind takes datagrams, "
       "which nobody has to accept\n"
       "f:5:99: workloads[0].listen[1].max_connections: limits connections, and a workload of this kind takes "
       "datagrams, which nobody has to accept\n"},
      {begin + "  listen: [{address: '127.0.0.1:1'}, {address: '127.0.0.1:1'}]\n" + ups,
       "f:5:48: workloads[0].listen[1].address: 127.0.0.1:1 is already taken, by workloads[0].listen[0].address in "
       "line 5\n"},
      {begin + "  listen: [{address: '127.0.0.1:1'}]\n  backlog: 5\n" + ups,
       "f:6:3: workloads[0].backlog: unknown key; allowed here: name, kind, loops, listen, upstreams, balance, "
       "sessions, max_datagram\n"},
      {begin + "  listen: [{address: '127.0.0.1:1'}]\n"
               "  upstreams: [{address: 'unix:/run/u'}, {dns: 'a:1'}, {address: '127.0.0.1:1'}]\n",
       "f:6:25: workloads[0].upstreams[0].address: must be an address such as 127.0.0.1:5353 or [::1]:5353, got "
       "unix:/run/u; a workload of this kind sends UDP\n"
       "f:6:41: workloads[0].upstreams[1].address: is missing; write `address: \"127.0.0.1:9000\"`\n"
       "f:6:42: workloads[0].upstreams[1].dns: unknown key; allowed here: address, weight, backup, max_connections\n"
       "f:6:65: workloads[0].upstreams[2].address: 127.0.0.1:1 is where this workload itself listens: it would connect "
       "to itself without end\n"},
      {begin + "  listen: [{address: '127.0.0.1:1'}]\n" + ups +
           "  sessions: {idle: 0s, most: 0, per_source: -1, rate: 3}\n  max_datagram: 64KiB\n",
       "f:7:20: workloads[0].sessions.idle: must be a duration with its unit (ms, s, m, h) from 1ms to 24h, got "
       "\"0s\"\n"
       "f:7:30: workloads[0].sessions.most: must be a whole number from 1 to 1000000, got \"0\"\n"
       "f:7:45: workloads[0].sessions.per_source: must be a whole number from 0 to 1000000, got \"-1\"\n"
       "f:7:49: workloads[0].sessions.rate: unknown key; allowed here: idle, most, per_source\n"
       "f:8:17: workloads[0].max_datagram: must be a size with its unit (B, KiB, MiB, GiB) from 1B to 65535B, got "
       "\"64KiB\"\n"},
  });
  // UDP and TCP each have their ports.
  EXPECT_EQ(problems_of(begin + "  listen: [{address: '127.0.0.1:53'}]\n  upstreams: [{address: '127.0.0.1:5301'}]\n"
                                "- {name: t, kind: tcp.echo, listen: [{address: '127.0.0.1:53'}]}\n"),
            "");
}

TEST(Problems, OfWorkloads) {
  const std::string begin = "version: 1\nloops: {count: 2}\nworkloads:\n";
  check({
      {begin + "  - tcp.echo\n", "f:4:5: workloads[0]: must be a mapping with keys, got \"tcp.echo\"\n"},
      {begin + "  - {}\n",
       "f:4:5: workloads[0].kind: is missing; write tcp.echo, tcp.discard, http.respond, tcp.proxy, udp.relay, probe "
       "or exec\n"
       "f:4:5: workloads[0].listen: is missing; write `listen: [{address: \"127.0.0.1:8080\"}]`\n"
       "f:4:5: workloads[0].name: is missing; a workload has a name, such as web\n"},
      {begin + "  - {name: A, kind: echo, listen: [], body: x}\n",
       "f:4:12: workloads[0].name: must be a name of 1 to 63 of a-z, 0-9 and -, with no - at either end, got \"A\"\n"
       "f:4:21: workloads[0].kind: must be tcp.echo, tcp.discard, http.respond, tcp.proxy, udp.relay, probe "
       "or exec, got \"echo\"\n"
       "f:4:35: workloads[0].listen: is empty; a workload listens on at least one address\n"},
      {begin + "  - {name: a, kind: tcp.echo, listen: [{address: '127.0.0.1:1'}], body: x}\n",
       "f:4:67: workloads[0].body: unknown key; allowed here: name, kind, loops, listen, backlog\n"},
      {begin + "  - {name: a, kind: tcp.echo, listen: [{address: '127.0.0.1:1'}]}\n"
               "  - {name: a, kind: tcp.echo, listen: [{address: '127.0.0.1:2'}], backlog: 0}\n",
       "f:5:12: workloads[1].name: \"a\" is taken by the workload in line 4\n"
       "f:5:76: workloads[1].backlog: must be a whole number from 1 to 65535, got \"0\"\n"},
      {begin + "  - {name: a, kind: tcp.echo, listen: [{address: '127.0.0.1:1'}], loops: [io-0, oi-1, x, io-0]}\n"
               "  - {name: b, kind: tcp.echo, listen: [{address: '127.0.0.1:2'}], loops: []}\n",
       "f:4:81: workloads[0].loops[1]: there is no loop \"oi-1\"; did you mean \"io-1\"?\n"
       "f:4:87: workloads[0].loops[2]: there is no loop \"x\"; there are io-0, io-1, io-{index}\n"
       "f:4:90: workloads[0].loops[3]: the loop \"io-0\" is named twice\n"
       "f:5:74: workloads[1].loops: is empty; leave it out for all loops\n"},
      {"version: 1\nloops: {count: x}\nworkloads:\n"
       "  - {name: a, kind: tcp.echo, listen: [{address: '127.0.0.1:1'}], loops: [io-3]}\n",
       "f:2:16: loops.count: must be auto or a whole number from 1 to 256, got \"x\"\n"},
      {begin + "  - {name: a, kind: http.respond, listen: [{address: '127.0.0.1:1'}], status: 100, body: [],\n"
               "     content_type: \"a\\r\\nb: c\", idle_timeout: 0s}\n",
       "f:4:79: workloads[0].status: must be a whole number from 200 to 599, got \"100\"\n"
       "f:4:90: workloads[0].body: must be a text, got a list\n"
       "f:5:20: workloads[0].content_type: must be a media type of at most 255 printable ASCII characters, such as "
       "text/html, got \"a\\x0d\\nb: c\"\n"
       "f:5:47: workloads[0].idle_timeout: must be a duration with its unit (ms, s, m, h) from 1ms to 24h, got "
       "\"0s\"\n"},
      {begin + "  - {name: a, kind: tcp.proxy, listen: [{address: '127.0.0.1:1'}], balance: random,\n"
               "     connect: {timeout: 11m, attempts: 0}, buffer: 256k}\n",
       "f:4:5: workloads[0].upstreams: is missing; write `upstreams: [{address: \"127.0.0.1:9000\"}]`\n"
       "f:4:77: workloads[0].balance: must be round_robin, least_conn, power_of_two, source_hash or "
       "consistent_hash, got \"random\"\n"
       "f:5:25: workloads[0].connect.timeout: must be a duration with its unit (ms, s, m, h) from 1ms to 10m, got "
       "\"11m\"\n"
       "f:5:40: workloads[0].connect.attempts: must be a whole number from 1 to 100, got \"0\"\n"
       "f:5:52: workloads[0].buffer: must be a size with its unit (B, KiB, MiB, GiB) from 4KiB to 1GiB, got "
       "\"256k\"\n"},
  });
}

TEST(Problems, OfAProxysConnections) {
  const std::string begin =
      "version: 1\nworkloads:\n- name: a\n  kind: tcp.proxy\n  listen: [{address: '127.0.0.1:1'}]\n"
      "  upstreams: [{address: '127.0.0.1:9'}]\n";
  const std::string network = "must be a network such as 10.0.0.0/8 or 2001:db8::/32, or an address, got ";
  check({
      {begin + "  access: {allow: ['10.0.0.1/8'], deny: [here]}\n",
       "f:7:20: workloads[0].access.allow[0]: " + network + "\"10.0.0.1/8\"\n" +
           "f:7:42: workloads[0].access.deny[0]: " + network + "\"here\"\n"},
      {begin + "  access_log: {path: access.log}\n",
       "f:7:22: workloads[0].access_log.path: must be an absolute path, got \"access.log\"\n"},
      {begin + "  tls: {listen: {verify: required}}\n",
       "f:7:26: workloads[0].tls.listen.verify: needs a certificate to serve TLS with, in `certificates`\n"},
      {begin + "  routes: {a.example: []}\n",
       "f:7:23: workloads[0].routes.a.example: is empty; a route has at least one upstream\n"},
      {begin + "  proxy_protocol: {send: v3}\n",
       "f:7:26: workloads[0].proxy_protocol.send: must be none, v1 or v2, got \"v3\"\n"},
  });
}

TEST(Problems, OfPrograms) {
  const std::string begin = "version: 1\ndaemon: {exec_workloads: true}\nworkloads:\n- name: a\n  kind: exec\n";
  const auto program = [&](const std::string& keys) { return begin + "  programs: [{name: p, " + keys + "}]\n"; };
  const std::string where = "workloads[0].programs[0].";
  check({
      {"version: 1\nworkloads:\n- {name: a, kind: exec, programs: [{name: p, command: [a]}]}\n",
       "f:3:19: workloads[0].kind: must not be exec: daemon.exec_workloads is false\n"},
      {"version: 1\ndaemon: {exec_checks: true}\nworkloads:\n- {name: a, kind: exec, programs: [{name: p, command: "
       "[a]}]}\n",
       "f:4:19: workloads[0].kind: must not be exec: daemon.exec_workloads is false\n"},
      {begin,
       "f:4:3: workloads[0].programs: is missing; write `programs: [{name: worker, command: "
       "[/usr/bin/worker]}]`\n"},
      {begin + "  programs: []\n", "f:6:13: workloads[0].programs: is empty; an exec has at least one program\n"},
      {begin + "  programs: [a]\n", "f:6:14: workloads[0].programs[0]: must be a mapping with keys, got \"a\"\n"},
      {begin + "  programs:\n  - {name: p, command: [a]}\n  - {name: p, command: [b]}\n",
       "f:8:5: workloads[0].programs[1]: \"p\" is taken by the program in line 7\n"},
      {begin + "  programs: [{name: P, command: [a]}]\n",
       "f:6:21: " + where + "name: must be a name of 1 to 63 of a-z, 0-9 and -, with no - at either end, got \"P\"\n"},
      {begin + "  programs: [{command: [a]}]\n",
       "f:6:14: " + where + "name: is missing; a program has a name, such as worker\n"},
      {begin + "  programs: [{name: p}]\n",
       "f:6:14: " + where + "command: is missing; write `command: [/usr/bin/worker]`\n"},
      {program("command: []"), "f:6:33: " + where + "command: is empty; a command is a program and its arguments\n"},
      {program("command: a b"),
       "f:6:33: " + where + "command: must be a list: the program and its arguments, got \"a b\"\n"},
      {program("command: [bin/a, b/c]"),
       "f:6:34: " + where +
           "command[0]: must be an absolute path, or a name to be looked for in PATH, got \"bin/a\"\n"},
      {program("command: ['']"),
       "f:6:34: " + where + "command[0]: must be an absolute path, or a name to be looked for in PATH, got \"\"\n"},
      {program("command: [a, \"b\\0\"]"), "f:6:37: " + where + "command[1]: must have no NUL in it\n"},
      {program("command: [a], environment: {1A: b, 'C=': d}"),
       "f:6:52: " + where +
           "environment.1A: must be a name of letters, digits and _, beginning with no digit, got "
           "\"1A\"\nf:6:59: " +
           where + "environment.C=: must be a name of letters, digits and _, beginning with no digit, got \"C=\"\n"},
      {program("command: [a], environment: {A: \"\\0\"}"),
       "f:6:55: " + where + "environment.A: must have no NUL in it\n"},
      {program("command: [a], environment: [A]"),
       "f:6:51: " + where + "environment: must be a mapping of names to texts, got a list\n"},
      {program("command: [a], directory: tmp"),
       "f:6:49: " + where + "directory: must be an absolute path, got \"tmp\"\n"},
      {program("command: [a], mode: cron"),
       "f:6:44: " + where + "mode: must be supervise, schedule or once, got \"cron\"\n"},
      {program("command: [a], mode: schedule"), "f:6:14: " + where + "interval: is missing; write `interval: 1h`\n"},
      {program("command: [a], mode: schedule, interval: 99ms"),
       "f:6:64: " + where +
           "interval: must be a duration with its unit (ms, s, m, h) from 100ms to 8760h, got \"99ms\"\n"},
      {program("command: [a], interval: 1s, timeout: 1s"), "f:6:48: " + where +
                                                               "interval: is not for a program of the mode supervise\n"
                                                               "f:6:61: " +
                                                               where +
                                                               "timeout: is not for a program of the mode supervise\n"},
      {program("command: [a], mode: once, restart: always, restart_delay: 1s, restart_delay_max: 1s, stable_after: 1s"),
       "f:6:59: " + where +
           "restart: is not for a program of the mode once\n"
           "f:6:82: " +
           where +
           "restart_delay: is not for a program of the mode once\n"
           "f:6:105: " +
           where +
           "restart_delay_max: is not for a program of the mode once\n"
           "f:6:123: " +
           where + "stable_after: is not for a program of the mode once\n"},
      {program("command: [a], restart: never"),
       "f:6:47: " + where + "restart: must be always or on_failure, got \"never\"\n"},
      {program("command: [a], restart_delay: 2s, restart_delay_max: 1s"),
       "f:6:76: " + where +
           "restart_delay_max: must not leave restart_delay_max below restart_delay: 1s is less than 2s\n"},
      {program("command: [a], restart_delay: 2m"),
       "f:6:53: " + where +
           "restart_delay: must not leave restart_delay_max below restart_delay: 1m is less than 2m\n"},
      {program("command: [a], stop_signal: SIGTERM"),
       "f:6:51: " + where + "stop_signal: must be TERM, INT, QUIT, HUP, USR1, USR2 or KILL, got \"SIGTERM\"\n"},
      {program("command: [a], stop_timeout: 2h, log_rate: 10001"),
       "f:6:52: " + where +
           "stop_timeout: must be a duration with its unit (ms, s, m, h) from 0s to 1h, got \"2h\"\n"
           "f:6:66: " +
           where + "log_rate: must be a whole number from 0 to 10000, got \"10001\"\n"},
      {program("command: [a], user: root"),
       "f:6:38: " + where +
           "user: unknown key; allowed here: name, command, environment, directory, mode, restart, "
           "restart_delay, restart_delay_max, stable_after, interval, timeout, stop_signal, stop_timeout, log_rate\n"},
      {begin + "  loops: [io-0, io-1]\n  programs: [{name: p, command: [a]}]\n",
       "f:6:10: workloads[0].loops: must be one loop for a workload of this kind, got 2\n"},
  });
}

TEST(Problems, OfProbes) {
  const std::string begin = "version: 1\nworkloads:\n- name: a\n  kind: probe\n";
  const auto target = [&](const std::string& keys) { return begin + "  targets: [{name: t, " + keys + "}]\n"; };
  const std::string where = "workloads[0].targets[0].";
  const std::string address_syntax =
      "must be an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/app.sock, or a host with its port such as "
      "www.example.org:443";
  const std::string allowed =
      "allowed here: kind, interval, failing_interval, jitter, timeout, rise, fall, tls, verify, server_name, ca, "
      "minimum_version, method, path, host, statuses, header, body, send, expect, service, authority, query, type, "
      "answers\n";
  check({
      {begin,
       "f:3:3: workloads[0].targets: is missing; write `targets: [{name: site, address: "
       "\"www.example.org:443\", check: {kind: tls}}]`\n"},
      {begin + "  targets: []\n", "f:5:12: workloads[0].targets: is empty; a probe has at least one target\n"},
      {begin + "  listen: [{address: '127.0.0.1:1'}]\n  targets: [{name: t, check: {kind: dns, query: a.b}}]\n",
       "f:5:3: workloads[0].listen: unknown key; allowed here: name, kind, loops, name_servers, targets\n"},
      {begin +
           "  targets:\n  - {name: t, check: {kind: dns, query: a.b}}\n  - {name: t, check: {kind: dns, query: a.b}}\n",
       "f:7:5: workloads[0].targets[1]: \"t\" is taken by the target in line 6\n"},
      {begin + "  targets: [{name: A, address: '127.0.0.1:1', check: {kind: tcp}}]\n",
       "f:5:20: " + where + "name: must be a name of 1 to 63 of a-z, 0-9 and -, with no - at either end, got \"A\"\n"},
      {target("check: {kind: tcp}"),
       "f:5:13: " + where + "address: is missing; write `address: \"www.example.org:443\"`\n"},
      {target("address: '127.0.0.1:1'"), "f:5:13: " + where + "check: is missing; write `check: {kind: tcp}`\n"},
      {target("address: 'a b:1', check: {kind: tcp}"),
       "f:5:32: " + where + "address: " + address_syntax + ": the DNS name 'a b:1' is not a host's\n"},
      {target("address: www.example.org, check: {kind: tcp}"),
       "f:5:32: " + where + "address: " + address_syntax + ": the DNS name 'www.example.org' has no port\n"},
      {target("address: _app._tcp.internal, check: {kind: tcp}"),
       "f:5:32: " + where + "address: " + address_syntax + ", got \"_app._tcp.internal\"\n"},
      {target("address: '127.0.0.1:0', check: {kind: tcp}"),
       "f:5:32: " + where + "address: must have a port to connect to, got port 0\n"},
      {target("address: '0.0.0.0:1', check: {kind: tcp}"),
       "f:5:32: " + where + "address: must be an address to connect to, got 0.0.0.0, which stands for all addresses\n"},
      {target("address: 'unix:/run/x', check: {kind: dns, query: a.b}"),
       "f:5:32: " + where + "address: must be the IP address of a name server with its port, such as 127.0.0.1:53\n"},
      {target("address: '127.0.0.1:1', check: {kind: exec}"),
       "f:5:61: " + where + "check.kind: must be tcp, tls, http, expect, grpc or dns, got \"exec\"\n"},
      {target("address: '127.0.0.1:1', check: {kind: tcp, port: 2, down_interval: 2s, command: [a]}"),
       "f:5:66: " + where + "check.port: unknown key; " + allowed + "f:5:75: " + where +
           "check.down_interval: unknown key; " + allowed + "f:5:94: " + where + "check.command: unknown key; " +
           allowed},
      {target("address: '127.0.0.1:1', check: {kind: tcp, query: a.b, service: 'a b'}"),
       "f:5:73: " + where +
           "check.query: is not for a check of the kind tcp\n"
           "f:5:87: " +
           where +
           "check.service: is not for a check of the kind tcp\n"
           "f:5:87: " +
           where + "check.service: must be the name of a service, at most 1024 characters, got \"a b\"\n"},
      {target("check: {kind: dns, type: PTR, answers: [a]}"),
       "f:5:30: " + where +
           "check.query: is missing; write `query: www.example.org`\n"
           "f:5:48: " +
           where +
           "check.type: must be A, AAAA, MX, NS, SRV or TXT, got \"PTR\"\n"
           "f:5:63: " +
           where + "check.answers[0]: must be an IPv4 address, as the type is A, got \"a\"\n"},
      {target("check: {kind: dns, query: 'a b', type: AAAA, answers: ['10.0.0.1']}"),
       "f:5:49: " + where +
           "check.query: must be a name such as www.example.org, got \"a b\"\n"
           "f:5:78: " +
           where + "check.answers[0]: must be an IPv6 address, as the type is AAAA, got \"10.0.0.1\"\n"},
  });
}

TEST(Problems, OfFaults) {
  const std::string begin =
      "version: 1\nworkloads:\n- name: a\n  kind: tcp.proxy\n  listen: [{address: '127.0.0.1:1'}]\n"
      "  upstreams: [{address: '127.0.0.1:9'}]\n  faults: ";
  check({
      {begin + "{percent: 0, direction: up, latency: 2h, colour: red}\n",
       "f:7:21: workloads[0].faults.percent: must be a whole number from 1 to 100, got \"0\"\n"
       "f:7:35: workloads[0].faults.direction: must be both, to_upstream or to_client, got \"up\"\n"
       "f:7:48: workloads[0].faults.latency: must be a duration with its unit (ms, s, m, h) from 0s to 1h, got "
       "\"2h\"\n"
       "f:7:52: workloads[0].faults.colour: unknown key; allowed here: percent, seed, direction, latency, jitter, "
       "bandwidth, slice, blackhole, reset\n"},
      {begin + "{latency: 20ms, jitter: 21ms, slice: {delay: 1ms}}\n",
       "f:7:35: workloads[0].faults.jitter: must be at most the latency, 20ms, got 21ms\n"
       "f:7:56: workloads[0].faults.slice.delay: needs a `size`\n"},
      {begin + "{bandwidth: 5, reset: 3s, blackhole: yes}\n",
       "f:7:23: workloads[0].faults.bandwidth: must be a size with its unit (B, KiB, MiB, GiB) from 0B to 1GiB, got "
       "\"5\"\n"
       "f:7:33: workloads[0].faults.reset: must be a mapping with keys, got \"3s\"\n"
       "f:7:48: workloads[0].faults.blackhole: must be true or false, got \"yes\"\n"},
  });
}

TEST(Problems, OfAddresses) {
  const std::string begin = "version: 1\nworkloads:\n- name: a\n  kind: tcp.proxy\n";
  const auto upstream = begin + "  upstreams: [{address: '127.0.0.1:9'}]\n";
  check({
      {upstream + "  listen: [{address: 'localhost:80'}, {adress: '[::1]:1'}]\n",
       "f:6:22: workloads[0].listen[0].address: must be an address such as 127.0.0.1:8080, [::1]:8080 or "
       "unix:/run/app.sock, got \"localhost:80\": the host is a name, and names are not looked up\n"
       "f:6:39: workloads[0].listen[1].address: is missing; write `address: \"127.0.0.1:8080\"`\n"
       "f:6:40: workloads[0].listen[1].adress: unknown key; did you mean \"address\"?\n"},
      {upstream + "  listen: [{address: '127.0.0.1:80', max_connections: -1, accept_rate: 1000000001},\n"
                  "    {address: '127.0.0.1:81', max_connections: many, acept_rate: 1}]\n",
       "f:6:55: workloads[0].listen[0].max_connections: must be a whole number from 0 to 1000000000, got \"-1\"\n"
       "f:6:72: workloads[0].listen[0].accept_rate: must be a whole number from 0 to 1000000000, got \"1000000001\"\n"
       "f:7:48: workloads[0].listen[1].max_connections: must be a whole number from 0 to 1000000000, got \"many\"\n"
       "f:7:54: workloads[0].listen[1].acept_rate: unknown key; did you mean \"accept_rate\"?\n"},
      {upstream + "  listen: ['127.0.0.1:80']\n",
       "f:6:12: workloads[0].listen[0]: must be a mapping with keys, got \"127.0.0.1:80\"\n"},
      {upstream + "  listen: [{address: '[::1]:80'}, {address: '[0::0:1]:80'}, {address: '127.0.0.1:9464'}]\n",
       "f:6:45: workloads[0].listen[1].address: [::1]:80 is already taken, by workloads[0].listen[0].address in line "
       "6\n"
       "f:6:71: workloads[0].listen[2].address: 127.0.0.1:9464 is already taken, by metrics.address by default\n"},
      {upstream + "  listen: [{address: 'unix:/run/test/admin.sock'}]\ncontrol: {admin: {socket: admin.sock}}\n",
       "f:6:22: workloads[0].listen[0].address: unix:/run/test/admin.sock is already taken, by control.admin.socket in "
       "line 7\n"},
      {begin + "  listen: [{address: '0.0.0.0:80'}, {address: 'unix:/run/a'}]\n"
               "  upstreams: [{address: '127.0.0.1:80'}, {address: 'unix:/run/a'}, {address: '0.0.0.0:1'},\n"
               "    {address: '127.0.0.1:0'}, {}]\n",
       "f:6:25: workloads[0].upstreams[0].address: 127.0.0.1:80 is where this workload itself listens: it would "
       "connect "
       "to itself without end\n"
       "f:6:52: workloads[0].upstreams[1].address: unix:/run/a is where this workload itself listens: it would connect "
       "to itself without end\n"
       "f:6:78: workloads[0].upstreams[2].address: must be an address to connect to, got 0.0.0.0, which stands for all "
       "addresses\n"
       "f:7:15: workloads[0].upstreams[3].address: must have a port to connect to, got port 0\n"
       "f:7:31: workloads[0].upstreams[4].address: is missing; write `address: \"127.0.0.1:9000\"`\n"},
      {begin + "  listen: [{address: '127.0.0.1:1'}]\n  upstreams: []\n",
       "f:6:14: workloads[0].upstreams: is empty; there is at least one upstream\n"},
      {"version: 1\nmetrics: {address: 'unix:/run/m.sock'}\n",
       "f:2:20: metrics.address: must be an IP address with its port, got \"unix:/run/m.sock\"\n"},
  });
}

TEST(Problems, OfControlSockets) {
  check({
      {"version: 1\ncontrol: {admin: {socket: observe.sock}}\n",
       "f:2:27: control.admin.socket: unix:/run/test/observe.sock is already taken, by control.observe.socket by "
       "default\n"},
      {"version: 1\ncontrol: {admin: {mode: \"0606\"}, observe: {mode: \"0999\"}}\n",
       "f:2:25: control.admin.mode: must give no rights to others, because who connects there may do everything; got "
       "0606\n"
       "f:2:50: control.observe.mode: must be an octal mode such as \"0660\", got \"0999\"\n"},
      {"version: 1\ncontrol: {admin: {socket: /run/}, observe: {socket: " + std::string(100, 'x') + "}}\n",
       "f:2:27: control.admin.socket: must be the path of a unix socket, got \"/run/\"\n"
       "f:2:53: control.observe.socket: must have at most 107 bytes with the runtime directory before it, got 110: "
       "/run/test/" +
           std::string(100, 'x') + "\n"},
      {"version: 1\ncontrol: {tcp: {address: '127.0.0.1:7443'}}\n",
       "f:2:11: control.tcp: unknown key; allowed here: observe, admin\n"},
  });
}

TEST(Problems, KeepToOneLineAndAShortExcerpt) {
  const auto problems = problems_of("version: 1\ndaemon: {name: \"a\\n" + std::string(1000, 'b') + "\"}\n");
  EXPECT_EQ(problems, "f:2:16: daemon.name: must be a name of 1 to 63 letters, digits, dots, - and _, got \"a\\n" +
                          std::string(58, 'b') + "...\"\n");
}

TEST(Problems, OfHostileFilesAreFoundSoon) {
  const auto repeated = [](const std::string& text, std::size_t times) {
    std::string result;
    for (std::size_t i = 0; i < times; ++i) result += text;
    return result;
  };
  EXPECT_EQ(problems_of(std::string(max_file_size + 1, ' ')), "f: is larger than 1048576 bytes\n");
  EXPECT_EQ(problems_of("a: " + repeated("[", 40) + repeated("]", 40)),
            "f:1:35: a" + repeated("[0]", 31) + ": nested deeper than 32 levels\n");
  EXPECT_NE(problems_of(repeated("[", max_file_size)), "");
  EXPECT_EQ(problems_of("a: " + repeated("- ", 100'000)).substr(0, 4), "f:1:");
  EXPECT_EQ(problems_of(repeated("- ", 100'000)).substr(0, 7), "f:1:65:");
  EXPECT_EQ(problems_of("workloads: [" + repeated("x,", 200'000) + "]"),
            "f:1:200009: workloads[99998]: more than 100000 values\n");

  EXPECT_EQ(problems_of("- a\n" + repeated("- [a]\n", 100'000)), "f:50001:3: [50000]: more than 100000 values\n");

  // Each line repeats the one before it ten times: 10^9 values if they were all made.
  std::string laughs = "a0: &a0 [" + repeated("x,", 10) + "]\n";
  for (int i = 1; i < 9; ++i)
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" +
              repeated("*a" + std::to_string(i - 1) + ",", 10) + "]\n";
  EXPECT_NE(problems_of(laughs).find(": more than 100000 values\n"), std::string::npos);
}

}  // namespace
}  // namespace evloopd::settings
