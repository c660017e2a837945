#include "settings/upstreams.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "aio/errors.h"
#include "host/listening_socket.h"
#include "settings/quoted.h"
#include "settings/text.h"
#include "settings/units.h"
#include "settings/words.h"
#include "workloads/upstreams/names.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;
using host::Listens;
using workloads::CheckKind;
using workloads::CheckOptions;
using workloads::UpstreamsOptions;

constexpr std::size_t max_upstreams = 1024;
constexpr std::size_t max_words = 64;

// --- the list ---

void check_upstream(const Value& place, const Address& upstream, const std::vector<Address>& listeners,
                    Listens carries) {
  if (carries == Listens::datagrams && upstream.family == Address::Family::unix_socket)
    place.refuse(fmt::format("must be {}, got {}; a workload of this kind sends UDP", host::datagram_address_syntax,
                             upstream.to_string()));
  else if (upstream.family != Address::Family::unix_socket && upstream.port == 0)
    place.refuse("must have a port to connect to, got port 0");
  else if (upstream.is_any())
    place.refuse(
        fmt::format("must be an address to connect to, got {}, which stands for all addresses", upstream.host));
  else if (std::ranges::any_of(listeners, [&](const Address& listener) { return upstream.reaches(listener); }))
    place.refuse(fmt::format("{} is where this workload itself listens: it would connect to itself without end",
                             upstream.to_string()));
}

std::string read_dns(const Value& place) {
  const auto name = place.text("a name such as app.internal:80 or _app._tcp.internal");
  if (!name) return {};
  try {
    static_cast<void>(workloads::DnsName::parse(*name));
  } catch (const evloop::ValueError& error) {
    place.refuse(printable(error.what()));
  }
  return *name;
}

host::UpstreamSpec read_upstream(const Value& item, const std::vector<Address>& listeners, Listens carries) {
  host::UpstreamSpec spec;
  auto keys = item.mapping();
  const auto address = keys["address"];
  const auto dns = carries == Listens::streams ? std::optional(keys["dns"]) : std::nullopt;
  const bool is_name = dns && dns->present();
  if (address.present() && is_name) dns->refuse("stands beside an address; an upstream has one of them");
  if (item.is_mapping() && !is_name) address.require("write `address: \"127.0.0.1:9000\"`");
  if (const auto given = address.address()) {
    check_upstream(address, *given, listeners, carries);
    spec.address = given->to_string();
  } else if (is_name) {
    spec.dns = read_dns(*dns);
  }
  assign(spec.weight, keys["weight"].integer(1, 256));
  assign(spec.backup, keys["backup"].boolean());
  assign(spec.max_connections, keys["max_connections"].integer(0, 1'000'000));
  keys.finish();
  return spec;
}

std::vector<host::UpstreamSpec> read_list(const Value& upstreams, const std::vector<Address>& listeners,
                                          Listens carries) {
  std::vector<host::UpstreamSpec> list;
  std::set<std::string> names;
  const auto items = upstreams.require("write `upstreams: [{address: \"127.0.0.1:9000\"}]`")
                         .list("a list of mappings with an address", max_upstreams);
  if (upstreams.is_empty_sequence()) upstreams.refuse("is empty; there is at least one upstream");
  for (const auto& item : items) {
    auto spec = read_upstream(item, listeners, carries);
    if (spec.name().empty()) continue;
    if (!names.insert(spec.name()).second) item.refuse(fmt::format("{} is there twice", excerpt(spec.name())));
    list.push_back(std::move(spec));
  }
  return list;
}

// --- the check ---

// A line of a protocol.
bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

template <class Is>
void read_word(std::string& target, const Value& value, std::string_view what, Is is) {
  if (assign(target, value.text(what)) && !is(target))
    value.refuse(fmt::format("must be {}, got {}", what, excerpt(target)));
}

bool is_status(std::string_view text) {
  return text.size() == 3 && text[0] >= '1' && text[0] <= '5' &&
         (text.substr(1) == "xx" || std::ranges::all_of(text.substr(1), [](char c) { return c >= '0' && c <= '9'; }));
}

void read_http(Mapping& keys, CheckOptions& check) {
  read_word(check.method, keys["method"], "a method such as GET, in capitals", [](const std::string& text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
  });
  read_word(check.path, keys["path"], "a path that begins with /, without spaces", [](const std::string& text) {
    return text.starts_with('/') && is_printable(text) && text.find(' ') == text.npos;
  });
  read_word(check.host, keys["host"], "the name of a host",
            [](const std::string& text) { return is_printable(text) && text.find(' ') == text.npos; });
  const auto statuses = keys["statuses"];
  if (statuses.present()) {
    check.statuses.clear();
    for (const auto& item : statuses.list("a list of statuses", max_words))
      read_word(check.statuses.emplace_back(), item, "a status such as 204 or 2xx", is_status);
    if (statuses.is_empty_sequence()) statuses.refuse("is empty; no answer would do");
  }
  read_word(check.header, keys["header"], "a header such as `X-Ready: yes`", is_printable);
  assign(check.body, keys["body"].text("a text"));
}

void read_command(const Value& value, CheckOptions& check, bool may_exec) {
  check.may_exec = may_exec;
  for (const auto& item : value.list("a list: the program and its arguments", max_words))
    assign(check.command.emplace_back(), item.text("a text"));
  if (check.kind != CheckKind::exec) return;
  if (!may_exec) value.refuse("must not be run: daemon.exec_checks is false");
  if (check.command.empty()) value.require("write `command: [/usr/bin/true]`");
}

// Keys that only some kinds have. Those of no check are let pass: so it is turned off by one word.
void refuse_foreign_keys(Mapping& keys, CheckKind kind) {
  constexpr auto http = 1U << static_cast<unsigned>(CheckKind::http),
                 expect = 1U << static_cast<unsigned>(CheckKind::expect),
                 tls = 1U << static_cast<unsigned>(CheckKind::tls), exec = 1U << static_cast<unsigned>(CheckKind::exec),
                 tcp = 1U << static_cast<unsigned>(CheckKind::tcp);
  constexpr std::array<std::pair<std::string_view, unsigned>, 14> owners{{{"port", tcp | tls | http | expect},
                                                                          {"tls", http | expect},
                                                                          {"verify", tls | http | expect},
                                                                          {"server_name", tls | http | expect},
                                                                          {"ca", tls | http | expect},
                                                                          {"method", http},
                                                                          {"path", http},
                                                                          {"host", http},
                                                                          {"statuses", http},
                                                                          {"header", http},
                                                                          {"body", http},
                                                                          {"send", expect},
                                                                          {"expect", expect},
                                                                          {"command", exec}}};
  if (kind == CheckKind::none) return;
  for (const auto& [key, kinds] : owners)
    if (const auto value = keys[key]; value.present() && (kinds & 1U << static_cast<unsigned>(kind)) == 0)
      value.refuse(fmt::format("is not for a check of the kind {}", word_of(check_kind_words, kind)));
}

CheckOptions read_check(const Value& value, bool may_exec) {
  CheckOptions check;
  auto keys = value.mapping();
  if (!value.is_mapping()) return check;
  const auto kind = keys["kind"].require(fmt::format("write {}", one_of(check_kind_words)));
  assign(check.kind, kind.choice_of<CheckKind>(check_kind_words));
  assign(check.interval, keys["interval"].duration(10ms, 1h));
  check.down_interval = check.interval;
  assign(check.down_interval, keys["down_interval"].duration(10ms, 1h));
  assign(check.jitter, keys["jitter"].integer(0, 50));
  assign(check.timeout, keys["timeout"].duration(1ms, 10min));
  assign(check.rise, keys["rise"].integer(1, 100));
  assign(check.fall, keys["fall"].integer(1, 100));
  assign(check.port, keys["port"].integer(0, 65535));
  assign(check.tls, keys["tls"].boolean());
  assign(check.tls_options.verify, keys["verify"].boolean());
  read_word(check.tls_options.server_name, keys["server_name"], "the name of a host", is_printable);
  read_word(check.tls_options.ca, keys["ca"], "the absolute path of a file",
            [](const std::string& text) { return text.empty() || text.starts_with('/'); });
  read_http(keys, check);
  assign(check.send, keys["send"].text("a text"));
  const auto expect = keys["expect"];
  assign(check.expect, expect.text("a text"));
  if (check.kind == CheckKind::expect && check.expect.empty()) expect.refuse("must say what is expected");
  read_command(keys["command"], check, may_exec);
  refuse_foreign_keys(keys, check.kind);
  keys.finish();
  return check;
}

// --- the rest ---

void read_connect(const Value& value, UpstreamsOptions& options) {
  auto connect = value.mapping();
  assign(options.connect_timeout, connect["timeout"].duration(1ms, 10min));
  assign(options.connect_attempts, connect["attempts"].integer(1, 100));
  auto retries = connect["retries"].mapping();
  assign(options.retries.percent, retries["percent"].integer(0, 1000));
  assign(options.retries.least, retries["min_per_second"].integer(0, 100'000));
  retries.finish();
  connect.finish();
}

void read_ejection(const Value& value, workloads::EjectionOptions& ejection) {
  auto keys = value.mapping();
  assign(ejection.failures, keys["failures"].integer(0, 1000));
  assign(ejection.resets, keys["resets"].integer(0, 1000));
  assign(ejection.time, keys["time"].duration(1ms, 24h));
  const auto longest = keys["max_time"];
  assign(ejection.longest, longest.duration(1ms, 24h));
  if (ejection.longest < ejection.time)
    longest.refuse(fmt::format("must not be below time, which is {}", format_duration(ejection.time)));
  assign(ejection.most, keys["max_percent"].integer(0, 100));
  keys.finish();
}

void read_dns_options(const Value& value, workloads::DnsOptions& dns) {
  auto keys = value.mapping();
  for (const auto& item : keys["servers"].list("a list of addresses", max_words)) {
    const auto address = item.address();
    if (address && address->family == Address::Family::unix_socket) item.refuse("must be an IP address with its port");
    if (address) dns.servers.push_back(address->to_string());
  }
  assign(dns.least, keys["min_ttl"].duration(10ms, 24h));
  const auto most = keys["max_ttl"];
  assign(dns.most, most.duration(10ms, 24h));
  if (dns.most < dns.least)
    most.refuse(fmt::format("must not be below min_ttl, which is {}", format_duration(dns.least)));
  assign(dns.timeout, keys["timeout"].duration(10ms, 10min));
  keys.finish();
}

std::string list_of(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + free_text(text);
  return '[' + all + ']';
}

std::vector<std::string> print_check(const CheckOptions& check) {
  return {
      fmt::format("check:"),
      fmt::format("  kind: {}", word_of(check_kind_words, check.kind)),
      fmt::format("  interval: {}", format_duration(check.interval)),
      fmt::format("  down_interval: {}", format_duration(check.down_interval)),
      fmt::format("  jitter: {}", check.jitter),
      fmt::format("  timeout: {}", format_duration(check.timeout)),
      fmt::format("  rise: {}", check.rise),
      fmt::format("  fall: {}", check.fall),
  };
}

// What a check of this kind has. Of none all is printed, so that every key is to be seen.
std::vector<std::string> print_kind(const CheckOptions& check) {
  const bool all = check.kind == CheckKind::none;
  const auto is = [&](std::initializer_list<CheckKind> kinds) {
    return all || std::ranges::count(kinds, check.kind) > 0;
  };
  std::vector<std::string> lines;
  const auto add = [&](std::string key, const std::string& value) {
    lines.push_back("  " + std::move(key) + ": " + value);
  };
  if (is({CheckKind::tcp, CheckKind::tls, CheckKind::http, CheckKind::expect})) add("port", std::to_string(check.port));
  if (is({CheckKind::http, CheckKind::expect})) add("tls", check.tls ? "true" : "false");
  if (is({CheckKind::tls, CheckKind::http, CheckKind::expect})) {
    add("verify", check.tls_options.verify ? "true" : "false");
    add("server_name", free_text(check.tls_options.server_name));
    add("ca", free_text(check.tls_options.ca));
  }
  if (is({CheckKind::http})) {
    add("method", free_text(check.method));
    add("path", free_text(check.path));
    add("host", free_text(check.host));
    add("statuses", list_of(check.statuses));
    add("header", free_text(check.header));
    add("body", free_text(check.body));
  }
  if (is({CheckKind::expect})) {
    add("send", free_text(check.send));
    add("expect", free_text(check.expect));
  }
  if (is({CheckKind::exec})) add("command", list_of(check.command));
  return lines;
}

}  // namespace

UpstreamsOptions read_upstreams(Mapping& keys, const std::vector<Address>& listeners, bool may_exec) {
  UpstreamsOptions options;
  options.list = read_list(keys["upstreams"], listeners, Listens::streams);
  assign(options.balance, keys["balance"].choice_of<workloads::Balance>(balance_words));
  read_connect(keys["connect"], options);
  auto queue = keys["queue"].mapping();
  assign(options.queue.length, queue["length"].integer(0, 1'000'000));
  assign(options.queue.timeout, queue["timeout"].duration(1ms, 1h));
  queue.finish();
  read_ejection(keys["ejection"], options.ejection);
  options.check = read_check(keys["check"], may_exec);
  assign(options.slow_start, keys["slow_start"].duration(0s, 1h));
  assign(options.all_down, keys["all_down"].choice_of<workloads::AllDown>(all_down_words));
  read_dns_options(keys["dns"], options.dns);
  return options;
}

std::vector<host::UpstreamSpec> read_datagram_upstreams(const Value& list, const std::vector<Address>& listeners) {
  return read_list(list, listeners, Listens::datagrams);
}

std::vector<std::string> print_upstream_list(const std::vector<host::UpstreamSpec>& list) {
  std::vector<std::string> lines{"upstreams:"};
  for (const auto& spec : list) {
    lines.push_back(fmt::format("  - {}: {}", spec.dns.empty() ? "address" : "dns", free_text(spec.name())));
    lines.push_back(fmt::format("    weight: {}", spec.weight));
    lines.push_back(fmt::format("    backup: {}", spec.backup));
    lines.push_back(fmt::format("    max_connections: {}", spec.max_connections));
  }
  return lines;
}

std::vector<std::string> print_upstreams(const UpstreamsOptions& options) {
  auto lines = print_upstream_list(options.list);
  lines.push_back(fmt::format("balance: {}", word_of(balance_words, options.balance)));
  lines.push_back(fmt::format("connect: {{timeout: {}, attempts: {}, retries: {{percent: {}, min_per_second: {}}}}}",
                              format_duration(options.connect_timeout), options.connect_attempts,
                              options.retries.percent, options.retries.least));
  lines.push_back(
      fmt::format("queue: {{length: {}, timeout: {}}}", options.queue.length, format_duration(options.queue.timeout)));
  const auto& ejection = options.ejection;
  lines.push_back(fmt::format("ejection: {{failures: {}, resets: {}, time: {}, max_time: {}, max_percent: {}}}",
                              ejection.failures, ejection.resets, format_duration(ejection.time),
                              format_duration(ejection.longest), ejection.most));
  std::ranges::move(print_check(options.check), std::back_inserter(lines));
  std::ranges::move(print_kind(options.check), std::back_inserter(lines));
  lines.push_back(fmt::format("slow_start: {}", format_duration(options.slow_start)));
  lines.push_back(fmt::format("all_down: {}", word_of(all_down_words, options.all_down)));
  const auto& dns = options.dns;
  lines.push_back(fmt::format("dns: {{servers: {}, min_ttl: {}, max_ttl: {}, timeout: {}}}", list_of(dns.servers),
                              format_duration(dns.least), format_duration(dns.most), format_duration(dns.timeout)));
  return lines;
}

}  // namespace evloopd::settings
