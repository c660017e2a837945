#pragma once

#include <prometheus/collectable.h>

#include <vector>

#include "host/loop_host.h"

namespace evloopd::metrics {

// The loops and workloads of a host as metrics, read from published records when it is asked: no loop is touched,
// and a loop that is blocked has its numbers like any other. Any thread. Series: 91 for each loop and 5 for each
// workload, and those of put_upstreams(), whatever goes on in them.
class HostCollector final : public prometheus::Collectable {
 public:
  // `host` must outlive it.
  explicit HostCollector(const host::LoopHost& host) : host_(host) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const host::LoopHost& host_;
};

}  // namespace evloopd::metrics
