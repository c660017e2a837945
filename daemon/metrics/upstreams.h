#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "host/snapshots.h"

namespace evloopd::metrics {

// The families of what workloads send their clients on to. Series: 4 for each workload that has upstreams, and 27 for
// each upstream, which is an entry of the list, whatever its name stands for.
void put_upstreams(const std::vector<host::WorkloadSnapshot>& workloads,
                   std::vector<prometheus::MetricFamily>& families);

}  // namespace evloopd::metrics
