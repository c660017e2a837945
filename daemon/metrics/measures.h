#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "host/snapshots.h"

namespace evloopd::metrics {

// What kinds of workloads measure of their own: a family for each name, with the measures of all workloads that have
// it. One that no family can hold is left out.
void put_measures(const std::vector<host::WorkloadSnapshot>& workloads,
                  std::vector<prometheus::MetricFamily>& families);

}  // namespace evloopd::metrics
