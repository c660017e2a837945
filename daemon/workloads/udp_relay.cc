#include "workloads/udp_relay.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace evloopd::workloads {
namespace {

// "3 oversize, 1 refused"
std::string those_that_count(const std::vector<host::NamedCount>& counts) {
  std::vector<std::string> texts;
  for (const auto& [name, count] : counts)
    if (count > 0) texts.push_back(fmt::format("{} {}", count, name));
  return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

std::unique_ptr<host::WorkloadShare> UdpRelay::attach(evloop::EventLoop& loop) {
  return std::make_unique<UdpShare>(loop, config_, counters_);
}

host::Workload::Adoption UdpRelay::adopt(host::Workload& wanted) {
  const auto* other = dynamic_cast<UdpRelay*>(&wanted);
  if (!other) return Adoption::impossible;
  auto options = other->config_.options;
  auto list = std::exchange(options.upstreams, config_.options.upstreams);
  if (options != config_.options) return Adoption::impossible;
  auto& pool = *config_.pool;
  if (list == pool.list()) return Adoption::same;
  return pool.set(std::move(list)) ? Adoption::taken : Adoption::impossible;
}

std::vector<host::Fact> UdpRelay::facts() const {
  const auto& counts = config_.counts;
  return {{.name = "Sessions",
           .value = fmt::format("{} of {} open", counters_.connections_open.load(std::memory_order_relaxed),
                                config_.options.most)},
          {.name = "Datagrams",
           .value = fmt::format("{} to upstreams, {} to clients", counts.relayed.of(UdpDirection::to_upstream),
                                counts.relayed.of(UdpDirection::to_client))},
          {.name = "Dropped", .value = those_that_count(counts.dropped.all())}};
}

std::vector<host::Measure> UdpRelay::measures() const {
  std::vector<host::Measure> measures;
  const auto add = [&](const char* name, const char* help, const char* label,
                       const std::vector<host::NamedCount>& counts) {
    for (const auto& [value, count] : counts)
      measures.push_back({.name = name,
                          .help = help,
                          .type = host::Measure::Type::counter,
                          .value = static_cast<double>(count),
                          .labels = {{.name = label, .value = std::string(value)}}});
  };
  add("datagrams_total", "Datagrams that were sent on, by direction.", "direction", config_.counts.relayed.all());
  add("datagrams_dropped_total", "Datagrams that were dropped, by reason.", "reason", config_.counts.dropped.all());
  return measures;
}

}  // namespace evloopd::workloads
