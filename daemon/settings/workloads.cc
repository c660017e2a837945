#include "settings/workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <ranges>
#include <set>
#include <string>
#include <utility>

#include "settings/names.h"
#include "settings/text.h"
#include "settings/words.h"

namespace evloopd::settings {
namespace {

constexpr std::size_t max_workloads = 1024;
constexpr std::size_t max_listeners = 64;

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

struct Listening {
  std::vector<Address> addresses;
  std::vector<host::ListenerOptions> options;  // of each of them
};

Listening read_listeners(const Value& value, Claims& claims, host::Listens listens) {
  constexpr int most = 1'000'000'000;
  const bool datagrams = listens == host::Listens::datagrams;
  const auto read = [&](const Value& place, std::uint32_t& limit) {
    if (place.present() && datagrams)
      place.refuse("limits connections, and a workload of this kind takes datagrams, which nobody has to accept");
    else if (const auto given = place.integer(0, most))
      limit = static_cast<std::uint32_t>(*given);
  };
  Listening result;
  const auto listeners = value.require("write `listen: [{address: \"127.0.0.1:8080\"}]`")
                             .list("a list of mappings with an address", max_listeners);
  if (value.is_empty_sequence()) value.refuse("is empty; a workload listens on at least one address");
  for (const auto& listener : listeners) {
    auto keys = listener.mapping();
    const auto place = keys["address"];
    if (listener.is_mapping()) place.require("write `address: \"127.0.0.1:8080\"`");
    host::ListenerLimits limits;
    read(keys["max_connections"], limits.max_connections);
    read(keys["accept_rate"], limits.accept_rate);
    const auto address = place.address();
    if (address && datagrams && address->family == Address::Family::unix_socket) {
      place.refuse(fmt::format("must be {}, got {}; a workload of this kind takes UDP", host::datagram_address_syntax,
                               address->to_string()));
    } else if (address) {
      claims.claim(*address, place, listens);
      result.addresses.push_back(*address);
      result.options.push_back({.address = address->to_string(), .limits = limits});
    }
    keys.finish();
  }
  return result;
}

// The names of the kinds, for messages.
std::vector<std::string> names_of(const Kinds& kinds) {
  std::vector<std::string> names;
  for (const auto& kind : kinds) names.push_back(kind.name);
  return names;
}

class Reader {
 public:
  Reader(const Loops& loops, Claims& claims, const DaemonSettings& daemon, const Kinds& kinds)
      : loops_(loops), claims_(claims), daemon_(daemon), kinds_(kinds), kind_names_(names_of(kinds)) {}

  WorkloadSettings read(const Value& value) {
    WorkloadSettings workload;
    auto& options = workload.options;
    auto keys = value.mapping();
    if (!value.is_mapping()) return workload;

    const auto name = keys["name"];
    if (assign(options.name, name.require("a workload has a name, such as web").text(name_syntax)))
      check_name(name, options.name);
    const auto choice = keys["kind"].require(fmt::format("write {}", one_of(kind_names_))).choice(kind_names_);
    const auto* const kind = choice ? &kinds_[*choice] : nullptr;
    const auto loops = keys["loops"];
    options.loops = read_loop_names(loops, loops_);
    Listening listening;
    options.listens = kind ? kind->listens : host::Listens::streams;
    if (options.listens != host::Listens::nothing) {
      listening = read_listeners(keys["listen"], claims_, options.listens);
      if (options.listens == host::Listens::streams) assign(options.backlog, keys["backlog"].integer(1, 65535));
    } else {
      keep_one_loop(loops, options.loops);
    }
    options.listeners = std::move(listening.options);

    // Without its kind nothing can be said about the other keys.
    if (!kind) return workload;
    workload.kind = kind->read(keys, {.listeners = listening.addresses,
                                      .exec_checks = daemon_.exec_checks,
                                      .exec_workloads = daemon_.exec_workloads});
    keys.finish();
    return workload;
  }

 private:
  void check_name(const Value& name, const std::string& given) {
    const auto [known, fresh] = lines_.try_emplace(given, name.position().line);
    if (!is_name(given))
      name.refuse(fmt::format("must be {}, got {}", name_syntax, excerpt(given)));
    else if (!fresh)
      name.refuse(fmt::format("{} is taken by the workload in line {}", excerpt(given), known->second));
  }

  static void keep_one_loop(const Value& value, std::vector<std::string>& loops) {
    if (value.present() && loops.size() > 1)
      value.refuse(fmt::format("must be one loop for a workload of this kind, got {}", loops.size()));
    if (loops.size() > 1) loops.resize(1);
  }

  const Loops& loops_;
  Claims& claims_;
  const DaemonSettings& daemon_;
  const Kinds& kinds_;
  const std::vector<std::string> kind_names_;
  std::map<std::string, int> lines_;  // of a workload's name
};

}  // namespace

std::vector<WorkloadSettings> read_workloads(const Value& value, const Loops& loops, Claims& claims,
                                             const DaemonSettings& daemon, const Kinds& kinds) {
  Reader reader(loops, claims, daemon, kinds);
  std::vector<WorkloadSettings> workloads;
  for (const auto& item : value.list("a list of workloads", max_workloads)) workloads.push_back(reader.read(item));
  return workloads;
}

WorkloadSettings read_workload(const Value& value, const Loops& loops, Claims& claims, const DaemonSettings& daemon,
                               const Kinds& kinds) {
  return Reader(loops, claims, daemon, kinds).read(value);
}

}  // namespace evloopd::settings
