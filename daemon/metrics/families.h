#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <vector>

#include "host/snapshots.h"

// How metric families are put together. Names have base units, counters end in _total; help texts have no
// backslash and no line break, which the serializer would not escape.
namespace evloopd::metrics {

using Labels = std::vector<prometheus::ClientMetric::Label>;

class Family {
 public:
  [[nodiscard]] static Family counter(std::string name, std::string help);
  [[nodiscard]] static Family gauge(std::string name, std::string help);
  [[nodiscard]] static Family histogram(std::string name, std::string help);

  void add(Labels labels, double value);
  void add(Labels labels, std::uint64_t value) { add(std::move(labels), static_cast<double>(value)); }
  void add(Labels labels, host::Nanos seconds);
  void add(Labels labels, const host::HistogramSnapshot& histogram);

  [[nodiscard]] prometheus::MetricFamily take() && { return std::move(family_); }

 private:
  Family(std::string name, std::string help, prometheus::MetricType type);
  prometheus::MetricFamily family_;
};

}  // namespace evloopd::metrics
