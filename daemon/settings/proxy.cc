#include "settings/proxy.h"

#include <fmt/format.h>

#include <chrono>

#include "settings/faults.h"
#include "settings/quoted.h"
#include "settings/text.h"
#include "settings/units.h"
#include "settings/words.h"
#include "workloads/proxy/network_table.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t max_networks = 10'000;
constexpr std::size_t max_certificates = 1024;
constexpr std::size_t max_protocols = 32;
constexpr std::size_t max_route_upstreams = 1024;
constexpr auto year = 24h * 365;
constexpr std::string_view protocol_syntax = "a protocol of 1 to 255 bytes, such as h2";
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

std::string text(std::string_view value) { return in_quotes(escape_fill(value)); }

std::string list_text(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const auto& each : texts) quoted.push_back(text(each));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

// Empty, or absolute.
void read_path(const Value& value, std::string& path) {
  if (assign(path, value.text("the path of a file")) && !path.empty() && path.front() != '/')
    value.refuse(fmt::format("must be an absolute path, got {}", excerpt(path)));
}

void read_tls_listen(const Value& value, workloads::ProxyTlsListen& tls) {
  auto keys = value.mapping();
  for (const auto& item : keys["certificates"].list("a list of PEM files", max_certificates))
    read_path(item, tls.certificates.emplace_back());
  read_path(keys["client_ca"], tls.client_ca);
  const auto verify = keys["verify"];
  if (assign(tls.verify, verify.choice_of<evloop::TlsVerify>(tls_verify_words)) &&
      tls.verify != evloop::TlsVerify::none && tls.certificates.empty())
    verify.refuse("needs a certificate to serve TLS with, in `certificates`");
  for (const auto& item : keys["alpn"].list("a list of protocols such as h2", max_protocols)) {
    const auto protocol = item.text(protocol_syntax);
    if (!protocol) continue;
    if (protocol->empty() || protocol->size() > 255)
      item.refuse(fmt::format("must be {}, got {}", protocol_syntax, excerpt(*protocol)));
    tls.alpn.push_back(*protocol);
  }
  assign(tls.minimum_version, keys["minimum_version"].choice_of<evloop::TlsVersion>(tls_version_words));
  keys.finish();
}

void read_tls_connect(const Value& value, workloads::ProxyTlsConnect& tls) {
  auto keys = value.mapping();
  assign(tls.enabled, keys["enabled"].boolean());
  read_path(keys["ca"], tls.ca);
  assign(tls.verify, keys["verify"].boolean());
  assign(tls.server_name, keys["server_name"].text("the name of a server"));
  read_path(keys["certificate"], tls.certificate);
  keys.finish();
}

std::vector<workloads::ProxyRoute> read_routes(const Value& value) {
  std::vector<workloads::ProxyRoute> routes;
  for (const auto& [name, at_name, value_of] : value.mapping("a mapping of server names to lists of addresses").all()) {
    if (name.empty() || name.size() > 255)
      at_name.refuse("must be the name of a server, such as a.example or *.example");
    workloads::ProxyRoute route{.server_name = name, .upstreams = {}};
    for (const auto& item : value_of.list("a list of addresses", max_route_upstreams))
      if (const auto address = item.address()) route.upstreams.push_back(address->to_string());
    if (value_of.is_empty_sequence()) value_of.refuse("is empty; a route has at least one upstream");
    routes.push_back(std::move(route));
  }
  return routes;
}

std::string routes_text(const std::vector<workloads::ProxyRoute>& routes) {
  std::vector<std::string> texts;
  for (const auto& route : routes)
    texts.push_back(fmt::format("{}: {}", in_quotes(route.server_name), list_text(route.upstreams)));
  return fmt::format("{{{}}}", fmt::join(texts, ", "));
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
  read_path(log["path"], options.access_log.path);
  log.finish();

  auto tls = keys["tls"].mapping();
  read_tls_listen(tls["listen"], options.tls_listen);
  read_tls_connect(tls["connect"], options.tls_connect);
  tls.finish();
  options.routes = read_routes(keys["routes"]);
  options.faults = read_faults(keys["faults"]);
  return options;
}

std::vector<std::string> print_connection(const workloads::ConnectionOptions& options) {
  const auto& [timeouts, limits, access, protocol, log, listen, connect, routes, faults] = options;
  return {
      fmt::format("timeouts: {{greeting: {}, first_byte: {}, idle: {}, half_close: {}, lifetime: {}}}",
                  format_duration(timeouts.greeting), format_duration(timeouts.first_byte),
                  format_duration(timeouts.idle), format_duration(timeouts.half_close),
                  format_duration(timeouts.lifetime)),
      fmt::format("limits: {{connections: {}, per_source: {}, accept_rate: {}}}", limits.connections, limits.per_source,
                  limits.accept_rate),
      fmt::format("access: {{allow: {}, deny: {}}}", list_text(access.allow), list_text(access.deny)),
      fmt::format("proxy_protocol: {{from: {}, send: {}}}", list_text(protocol.from),
                  word_of(proxy_header_words, protocol.send)),
      fmt::format("access_log: {{path: {}}}", free_text(log.path)),
      "tls:",
      fmt::format("  listen: {{certificates: {}, client_ca: {}, verify: {}, alpn: {}, minimum_version: \"{}\"}}",
                  list_text(listen.certificates), free_text(listen.client_ca), word_of(tls_verify_words, listen.verify),
                  list_text(listen.alpn), word_of(tls_version_words, listen.minimum_version)),
      fmt::format("  connect: {{enabled: {}, ca: {}, verify: {}, server_name: {}, certificate: {}}}", connect.enabled,
                  free_text(connect.ca), connect.verify, free_text(connect.server_name),
                  free_text(connect.certificate)),
      fmt::format("routes: {}", routes_text(routes)),
      print_faults(faults),
  };
}

}  // namespace evloopd::settings
