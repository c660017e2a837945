#include "settings/workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <ranges>
#include <set>
#include <string>
#include <utility>

#include "settings/names.h"
#include "settings/proxy.h"
#include "settings/text.h"
#include "settings/upstreams.h"
#include "settings/words.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t max_workloads = 1024;
constexpr std::size_t max_listeners = 64;
constexpr std::size_t KiB = 1024, GiB = 1024 * 1024 * KiB;

// The loops that a workload runs on: those it names, alone or by the pattern of a group, or else all.
std::vector<std::string> read_loop_names(const Value& value, const Loops& loops) {
  std::vector<std::string> all, known, chosen;
  for (const auto& loop : loops.options) all.push_back(loop.name);
  if (!value.present()) return all;
  known = all;
  for (const auto& [pattern, names] : loops.groups) known.push_back(pattern);

  std::set<std::string> seen;
  const auto items = value.list("a list of loops", max_loops);
  if (items.empty() && value.is_empty_sequence()) value.refuse("is empty; leave it out for all loops");
  for (const auto& item : items) {
    const auto given = item.text("the name of a loop");
    if (!given) continue;
    const auto group = loops.groups.find(*given);
    const auto names = group == loops.groups.end() ? std::vector{*given} : group->second;
    for (const auto& name : names) {
      if (loops.complete && std::ranges::find(all, name) == all.end()) {
        const auto near = nearest(name, known);
        item.refuse(near.empty() ? fmt::format("there is no loop {}; there are {}", excerpt(name),
                                               fmt::join(known | std::views::take(8), ", "))
                                 : fmt::format("there is no loop {}; did you mean {}?", excerpt(name), excerpt(near)));
      } else if (!seen.insert(name).second) {
        item.refuse(fmt::format("the loop {} is named twice", excerpt(name)));
      } else {
        chosen.push_back(name);
      }
    }
  }
  return chosen;
}

std::vector<Address> read_listeners(const Value& value, Claims& claims) {
  std::vector<Address> addresses;
  const auto listeners = value.require("write `listen: [{address: \"127.0.0.1:8080\"}]`")
                             .list("a list of mappings with an address", max_listeners);
  if (value.is_empty_sequence()) value.refuse("is empty; a workload listens on at least one address");
  for (const auto& listener : listeners) {
    auto keys = listener.mapping();
    const auto place = keys["address"];
    if (listener.is_mapping()) place.require("write `address: \"127.0.0.1:8080\"`");
    if (const auto address = place.address()) {
      claims.claim(*address, place);
      addresses.push_back(*address);
    }
    keys.finish();
  }
  return addresses;
}

workloads::HttpRespondOptions read_http_respond(Mapping& keys) {
  workloads::HttpRespondOptions options;
  assign(options.status, keys["status"].integer(200, 599));
  const auto body = keys["body"];
  const bool has_body = options.status != 204 && options.status != 304;
  if (!has_body) options.body.clear();
  assign(options.body, body.secret("a text"));
  if (!has_body && !options.body.empty())
    body.refuse(fmt::format("must be empty or left out: a reply with status {} has no body", options.status));

  const auto content_type = keys["content_type"];
  constexpr std::string_view what = "a media type of at most 255 printable ASCII characters, such as text/html";
  if (assign(options.content_type, content_type.text(what))) {
    const auto& text = options.content_type;
    const bool printable_ascii = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    if (text.empty() || text.size() > 255 || !printable_ascii)
      content_type.refuse(fmt::format("must be {}, got {}", what, excerpt(text)));
  }
  assign(options.idle_timeout, keys["idle_timeout"].duration(1ms, 24h));
  return options;
}

workloads::TcpProxyOptions read_tcp_proxy(Mapping& keys, const std::vector<Address>& listeners,
                                          const DaemonSettings& daemon) {
  workloads::TcpProxyOptions options;
  options.upstreams = read_upstreams(keys, listeners, daemon.exec_checks);
  assign(options.buffer, keys["buffer"].size(4 * KiB, GiB));
  options.connection = read_connection(keys);
  return options;
}

WorkloadSettings read_workload(const Value& value, const Loops& loops, Claims& claims,
                               const DaemonSettings& daemon, std::map<std::string, int>& lines) {
  WorkloadSettings workload;
  auto& options = workload.options;
  auto keys = value.mapping();
  if (!value.is_mapping()) return workload;

  const auto name = keys["name"];
  if (assign(options.name, name.require("a workload has a name, such as web").text(name_syntax))) {
    const auto [known, fresh] = lines.try_emplace(options.name, name.position().line);
    if (!is_name(options.name))
      name.refuse(fmt::format("must be {}, got {}", name_syntax, excerpt(options.name)));
    else if (!fresh)
      name.refuse(fmt::format("{} is taken by the workload in line {}", excerpt(options.name), known->second));
  }
  const auto kind = keys["kind"].require(fmt::format("write {}", one_of(kind_words))).choice(kind_words);
  options.loops = read_loop_names(keys["loops"], loops);
  const auto listeners = read_listeners(keys["listen"], claims);
  for (const auto& listener : listeners) options.addresses.push_back(listener.to_string());
  assign(options.backlog, keys["backlog"].integer(1, 65535));

  // Without its kind nothing can be said about the other keys.
  if (!kind) return workload;
  switch (*kind) {
    case 0:
      workload.kind = workloads::TcpEchoOptions{};
      break;
    case 1:
      workload.kind = workloads::TcpDiscardOptions{};
      break;
    case 2:
      workload.kind = read_http_respond(keys);
      break;
    default:
      workload.kind = read_tcp_proxy(keys, listeners, daemon);
      break;
  }
  keys.finish();
  return workload;
}

}  // namespace

std::vector<WorkloadSettings> read_workloads(const Value& value, const Loops& loops, Claims& claims,
                                             const DaemonSettings& daemon) {
  std::vector<WorkloadSettings> workloads;
  std::map<std::string, int> lines;  // name to the line of its workload
  for (const auto& item : value.list("a list of workloads", max_workloads))
    workloads.push_back(read_workload(item, loops, claims, daemon, lines));
  return workloads;
}

WorkloadSettings read_workload(const Value& value, const Loops& loops, Claims& claims, const DaemonSettings& daemon) {
  std::map<std::string, int> lines;
  return read_workload(value, loops, claims, daemon, lines);
}

}  // namespace evloopd::settings
