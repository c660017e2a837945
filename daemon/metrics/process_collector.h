#pragma once

#include <prometheus/collectable.h>

#include <string>
#include <vector>

namespace evloopd::metrics {

// The standard process_* metrics of this process, and evloopd_build_info. Any thread.
class ProcessCollector final : public prometheus::Collectable {
 public:
  explicit ProcessCollector(std::string version) : version_(std::move(version)) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::string version_;
};

}  // namespace evloopd::metrics
