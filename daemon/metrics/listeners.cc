#include "metrics/listeners.h"

#include <cstdint>
#include <utility>

#include "metrics/families.h"

namespace evloopd::metrics {

void put_listeners(const std::vector<host::WorkloadSnapshot>& workloads,
                   std::vector<prometheus::MetricFamily>& families) {
  auto open = Family::gauge("evloopd_listener_connections_open", "Connections that count in the limits of a listener.");
  auto most = Family::gauge("evloopd_listener_max_connections", "Connections that a listener may have open.");
  auto suspended = Family::counter("evloopd_listener_suspended_total",
                                   "Times that a loop stopped accepting, as clients were over the limits.");
  for (const auto& workload : workloads) {
    for (const auto& listener : workload.listener_states) {
      if (listener.limits == host::ListenerLimits{}) continue;
      const Labels labels{{.name = "workload", .value = workload.name}, {.name = "address", .value = listener.address}};
      open.add(labels, listener.connections_open);
      if (listener.limits.max_connections > 0) most.add(labels, std::uint64_t{listener.limits.max_connections});
      suspended.add(labels, listener.suspended_total);
    }
  }
  for (auto* family : {&open, &most, &suspended}) families.push_back(std::move(*family).take());
}

}  // namespace evloopd::metrics
