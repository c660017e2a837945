#include "settings/probe.h"

#include <fmt/format.h>

#include <chrono>
#include <map>

#include "aio/errors.h"
#include "settings/check.h"
#include "settings/names.h"
#include "settings/quoted.h"
#include "settings/text.h"
#include "workloads/dns/dns_name.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;
using workloads::CheckKind;
using workloads::ProbeTargetOptions;

constexpr std::size_t max_targets = 256;
constexpr std::string_view target_syntax =
    "an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/app.sock, or a host with its port such as "
    "www.example.org:443";

const CheckRules& check_rules() {
  static const CheckRules rules{
      .kinds = {CheckKind::tcp, CheckKind::tls, CheckKind::http, CheckKind::expect, CheckKind::grpc, CheckKind::dns},
      .down_interval = "failing_interval",
      .defaults = {.interval = 15s, .down_interval = 5s, .timeout = 5s},
      .longest_down = 5s};
  return rules;
}

// Empty if it is not one.
std::string read_host(const Value& place, const std::string& text) {
  try {
    if (!workloads::DnsName::parse(text).is_service()) return text;
    place.refuse(fmt::format("must be {}, got {}", target_syntax, excerpt(text)));
  } catch (const evloop::ValueError& error) {
    place.refuse(fmt::format("must be {}: {}", target_syntax, printable(error.what())));
  }
  return {};
}

// Of a name server: only who knows the names can be asked by name.
std::string read_server(const Value& place) {
  const auto address = place.address();
  if (!address) return {};
  if (address->family == Address::Family::unix_socket || address->port == 0 || address->is_any())
    place.refuse("must be the IP address of a name server with its port, such as 127.0.0.1:53");
  return address->to_string();
}

std::string read_address(const Value& place) {
  const auto text = place.text(target_syntax);
  if (!text) return {};
  const auto address = Address::parse(*text);
  if (!address) return read_host(place, *text);
  if (address->family != Address::Family::unix_socket && address->port == 0)
    place.refuse("must have a port to connect to, got port 0");
  else if (address->is_any())
    place.refuse(
        fmt::format("must be an address to connect to, got {}, which stands for all addresses", address->host));
  return address->to_string();
}

ProbeTargetOptions read_target(const Value& item) {
  ProbeTargetOptions target;
  auto keys = item.mapping();
  if (!item.is_mapping()) return target;
  const auto name = keys["name"];
  if (assign(target.name, name.require("a target has a name, such as site").text(name_syntax)) && !is_name(target.name))
    name.refuse(fmt::format("must be {}, got {}", name_syntax, excerpt(target.name)));
  const auto check = keys["check"];
  target.check = read_check(check.require("write `check: {kind: tcp}`"), check_rules(), false);
  const auto address = keys["address"];
  if (target.check.kind == CheckKind::dns) {
    target.address = read_server(address);
  } else {
    address.require("write `address: \"www.example.org:443\"`");
    target.address = read_address(address);
  }
  keys.finish();
  return target;
}

}  // namespace

workloads::ProbeOptions read_probe(Mapping& keys) {
  workloads::ProbeOptions options;
  const auto name_servers = read_name_servers(keys["name_servers"]);
  const auto targets = keys["targets"];
  const auto items =
      targets.require("write `targets: [{name: site, address: \"www.example.org:443\", check: {kind: tls}}]`")
          .list("a list of mappings with a name, an address and a check", max_targets);
  if (targets.is_empty_sequence()) targets.refuse("is empty; a probe has at least one target");
  std::map<std::string, int> lines;
  for (const auto& item : items) {
    auto& target = options.targets.emplace_back(read_target(item));
    target.name_servers = name_servers;
    const auto [known, fresh] = lines.try_emplace(target.name, item.position().line);
    if (!fresh && !target.name.empty())
      item.refuse(fmt::format("{} is taken by the target in line {}", excerpt(target.name), known->second));
  }
  return options;
}

std::vector<std::string> print_probe(const workloads::ProbeOptions& options, const Hidden& hidden) {
  std::vector<std::string> lines;
  lines.push_back("name_servers: " +
                  list_of(options.targets.empty() ? std::vector<std::string>() : options.targets.front().name_servers));
  lines.emplace_back("targets:");
  for (std::size_t i = 0; i < options.targets.size(); ++i) {
    const auto& target = options.targets[i];
    lines.push_back("  - name: " + free_text(target.name));
    if (!target.address.empty()) lines.push_back("    address: " + free_text(target.address));
    lines.emplace_back("    check:");
    for (const auto& line : print_check(target.check, check_rules(), hidden, fmt::format("targets[{}].check", i)))
      lines.push_back("      " + line);
  }
  return lines;
}

}  // namespace evloopd::settings
