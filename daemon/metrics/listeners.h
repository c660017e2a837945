#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "host/snapshots.h"

namespace evloopd::metrics {

// The families of listeners. Series: 2 for each listener that has limits, one more if connections are among them.
void put_listeners(const std::vector<host::WorkloadSnapshot>& workloads,
                   std::vector<prometheus::MetricFamily>& families);

}  // namespace evloopd::metrics
