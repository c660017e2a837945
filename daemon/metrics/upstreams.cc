#include "metrics/upstreams.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "metrics/families.h"

namespace evloopd::metrics {
namespace {

using host::UpstreamSnapshot;
using host::UpstreamState;
using host::WorkloadSnapshot;
using Families = std::vector<prometheus::MetricFamily>;

constexpr std::array<std::pair<UpstreamState, const char*>, 4> states{{{UpstreamState::up, "up"},
                                                                       {UpstreamState::ejected, "ejected"},
                                                                       {UpstreamState::down, "down"},
                                                                       {UpstreamState::draining, "draining"}}};

Labels of(const WorkloadSnapshot& workload) { return {{.name = "workload", .value = workload.name}}; }
Labels of(const WorkloadSnapshot& workload, const UpstreamSnapshot& upstream) {
  return {{.name = "workload", .value = workload.name}, {.name = "upstream", .value = upstream.name}};
}
Labels with(Labels labels, const char* name, const char* value) {
  labels.push_back({.name = name, .value = value});
  return labels;
}

// One family of all workloads that have upstreams: `add` adds what one has of it.
template <class Add>
void put_workloads(const std::vector<WorkloadSnapshot>& workloads, Families& families, Family family, Add add) {
  for (const auto& workload : workloads)
    if (workload.upstreams) add(family, of(workload), *workload.upstreams);
  families.push_back(std::move(family).take());
}
// ... and of all upstreams.
template <class Add>
void put_each(const std::vector<WorkloadSnapshot>& workloads, Families& families, Family family, Add add) {
  for (const auto& workload : workloads)
    if (workload.upstreams)
      for (const auto& upstream : workload.upstreams->list) add(family, of(workload, upstream), upstream);
  families.push_back(std::move(family).take());
}

}  // namespace

void put_upstreams(const std::vector<WorkloadSnapshot>& workloads, Families& families) {
  put_workloads(
      workloads, families,
      Family::gauge("evloopd_workload_queue_length", "Clients that wait for a place at an upstream."),
      [](Family& family, Labels labels, const auto& all) { family.add(std::move(labels), all.queue_length); });
  put_workloads(workloads, families,
                Family::counter("evloopd_workload_queue_refused_total",
                                "Clients given up because too many waited (full), or no place was left in time."),
                [](Family& family, const Labels& labels, const auto& all) {
                  family.add(with(labels, "reason", "full"), all.queue_full);
                  family.add(with(labels, "reason", "timeout"), all.queue_timeouts);
                });
  put_workloads(
      workloads, families,
      Family::counter("evloopd_workload_retries_denied_total",
                      "Clients given up after a failed connect because too many were being retried."),
      [](Family& family, Labels labels, const auto& all) { family.add(std::move(labels), all.retries_denied); });

  const auto each = [&](Family family, auto read) {
    put_each(workloads, families, std::move(family),
             [&](Family& into, Labels labels, const UpstreamSnapshot& upstream) {
               into.add(std::move(labels), read(upstream));
             });
  };
  each(Family::gauge("evloopd_upstream_connections_open", "Connections to the upstream, those being made included."),
       [](const auto& upstream) { return upstream.connections_open; });
  each(Family::counter("evloopd_upstream_connections_total", "Connections made."),
       [](const auto& upstream) { return upstream.connections_total; });
  each(Family::counter("evloopd_upstream_connects_failed_total", "Connects that failed or took too long."),
       [](const auto& upstream) { return upstream.connects_failed; });
  each(Family::histogram("evloopd_upstream_connect_duration_seconds", "Connects that succeeded."),
       [](const auto& upstream) -> const auto& { return upstream.connect_seconds; });
  each(
      Family::counter("evloopd_upstream_retries_total", "Connects tried after another upstream had failed the client."),
      [](const auto& upstream) { return upstream.retries; });
  each(Family::counter("evloopd_upstream_ejections_total", "Times an address was taken out because it failed clients."),
       [](const auto& upstream) { return upstream.ejections; });
  put_each(workloads, families, Family::counter("evloopd_upstream_checks_total", "Health checks by result."),
           [](Family& family, const Labels& labels, const UpstreamSnapshot& upstream) {
             family.add(with(labels, "result", "passed"), upstream.checks_passed);
             family.add(with(labels, "result", "failed"), upstream.checks_failed);
           });
  put_each(workloads, families,
           Family::gauge("evloopd_upstream_endpoints", "Addresses of the upstream by the state they are in."),
           [](Family& family, const Labels& labels, const UpstreamSnapshot& upstream) {
             for (const auto& [state, word] : states)
               family.add(with(labels, "state", word), static_cast<std::uint64_t>(std::ranges::count(
                                                           upstream.endpoints, state, &host::UpstreamEndpoint::state)));
           });
}

}  // namespace evloopd::metrics
