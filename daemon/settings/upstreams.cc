#include "settings/upstreams.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "aio/errors.h"
#include "host/listening_socket.h"
#include "settings/check.h"
#include "settings/quoted.h"
#include "settings/text.h"
#include "settings/units.h"
#include "settings/words.h"
#include "workloads/dns/dns_name.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;
using host::Listens;
using workloads::CheckKind;
using workloads::UpstreamsOptions;

constexpr std::size_t max_upstreams = 1024;

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
  dns.servers = read_name_servers(keys["servers"]);
  assign(dns.least, keys["min_ttl"].duration(10ms, 24h));
  const auto most = keys["max_ttl"];
  assign(dns.most, most.duration(10ms, 24h));
  if (dns.most < dns.least)
    most.refuse(fmt::format("must not be below min_ttl, which is {}", format_duration(dns.least)));
  assign(dns.timeout, keys["timeout"].duration(10ms, 10min));
  keys.finish();
}

const CheckRules& check_rules() {
  static const CheckRules rules{.kinds = {CheckKind::none, CheckKind::tcp, CheckKind::tls, CheckKind::http,
                                          CheckKind::expect, CheckKind::exec, CheckKind::grpc},
                                .down_interval = "down_interval",
                                .other_port = true};
  return rules;
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
  options.check = read_check(keys["check"], check_rules(), may_exec);
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

std::vector<std::string> print_upstreams(const UpstreamsOptions& options, const Hidden& hidden) {
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
  lines.emplace_back("check:");
  for (const auto& line : print_check(options.check, check_rules(), hidden, "check")) lines.push_back("  " + line);
  lines.push_back(fmt::format("slow_start: {}", format_duration(options.slow_start)));
  lines.push_back(fmt::format("all_down: {}", word_of(all_down_words, options.all_down)));
  const auto& dns = options.dns;
  lines.push_back(fmt::format("dns: {{servers: {}, min_ttl: {}, max_ttl: {}, timeout: {}}}", list_of(dns.servers),
                              format_duration(dns.least), format_duration(dns.most), format_duration(dns.timeout)));
  return lines;
}

}  // namespace evloopd::settings
