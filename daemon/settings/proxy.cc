#include "settings/proxy.h"

#include <fmt/format.h>

#include <chrono>

#include "settings/quoted.h"
#include "settings/text.h"
#include "settings/units.h"
#include "settings/words.h"
#include "workloads/proxy/network_table.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t max_networks = 10'000;
constexpr auto year = 24h * 365;
constexpr std::string_view network_syntax = "a network such as 10.0.0.0/8 or 2001:db8::/32, or an address";

std::vector<std::string> read_networks(const Value& value) {
  std::vector<std::string> networks;
  for (const auto& item : value.list("a list of networks", max_networks)) {
    const auto given = item.text(network_syntax);
    if (!given) continue;
    if (!workloads::Network::parse(*given))
      item.refuse(fmt::format("must be {}, got {}", network_syntax, excerpt(*given)));
    networks.push_back(*given);
  }
  return networks;
}

std::string networks_text(const std::vector<std::string>& networks) {
  return networks.empty() ? "[]" : fmt::format("[\"{}\"]", fmt::join(networks, "\", \""));
}

void read_timeouts(const Value& value, workloads::ProxyTimeouts& timeouts) {
  auto keys = value.mapping();
  assign(timeouts.greeting, keys["greeting"].duration(0ms, 1h));
  assign(timeouts.first_byte, keys["first_byte"].duration(0ms, year));
  assign(timeouts.idle, keys["idle"].duration(0ms, year));
  assign(timeouts.half_close, keys["half_close"].duration(0ms, year));
  assign(timeouts.lifetime, keys["lifetime"].duration(0ms, year));
  keys.finish();
}

void read_limits(const Value& value, workloads::ProxyLimits& limits) {
  constexpr int most = 1'000'000'000;
  const auto read = [&](const Value& place, std::size_t& limit) {
    if (const auto given = place.integer(0, most)) limit = static_cast<std::size_t>(*given);
  };
  auto keys = value.mapping();
  read(keys["connections"], limits.connections);
  read(keys["per_source"], limits.per_source);
  read(keys["accept_rate"], limits.accept_rate);
  keys.finish();
}

}  // namespace

workloads::ConnectionOptions read_connection(Mapping& keys) {
  workloads::ConnectionOptions options;
  read_timeouts(keys["timeouts"], options.timeouts);
  read_limits(keys["limits"], options.limits);

  auto access = keys["access"].mapping();
  options.access.allow = read_networks(access["allow"]);
  options.access.deny = read_networks(access["deny"]);
  access.finish();

  auto protocol = keys["proxy_protocol"].mapping();
  options.proxy_protocol.from = read_networks(protocol["from"]);
  assign(options.proxy_protocol.send, protocol["send"].choice_of<workloads::ProxyHeaderVersion>(proxy_header_words));
  protocol.finish();

  auto log = keys["access_log"].mapping();
  const auto path = log["path"];
  if (assign(options.access_log.path, path.text("the path of a file")) && !options.access_log.path.empty() &&
      options.access_log.path.front() != '/')
    path.refuse(fmt::format("must be an absolute path, got {}", excerpt(options.access_log.path)));
  log.finish();
  return options;
}

std::vector<std::string> print_connection(const workloads::ConnectionOptions& options) {
  const auto& [timeouts, limits, access, protocol, log] = options;
  return {
      fmt::format("timeouts: {{greeting: {}, first_byte: {}, idle: {}, half_close: {}, lifetime: {}}}",
                  format_duration(timeouts.greeting), format_duration(timeouts.first_byte),
                  format_duration(timeouts.idle), format_duration(timeouts.half_close),
                  format_duration(timeouts.lifetime)),
      fmt::format("limits: {{connections: {}, per_source: {}, accept_rate: {}}}", limits.connections,
                  limits.per_source, limits.accept_rate),
      fmt::format("access: {{allow: {}, deny: {}}}", networks_text(access.allow), networks_text(access.deny)),
      fmt::format("proxy_protocol: {{from: {}, send: {}}}", networks_text(protocol.from),
                  word_of(proxy_header_words, protocol.send)),
      fmt::format("access_log: {{path: {}}}", free_text(log.path)),
  };
}

}  // namespace evloopd::settings
