#include "metrics/measures.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "metrics/families.h"

namespace evloopd::metrics {
namespace {

using host::Measure;

bool is_word(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && text.front() >= 'a' && text.front() <= 'z' && std::ranges::all_of(text, fits);
}

// A wrong one must not spoil the scrape of everything else.
bool is_valid(const Measure& measure) {
  const bool counts = measure.type == Measure::Type::counter;
  const bool one_line = measure.help.find_first_of("\\\n") == std::string::npos;
  std::set<std::string_view> labels{"workload"};
  const auto is_new_word = [&](const host::MeasureLabel& label) {
    return is_word(label.name) && labels.insert(label.name).second;
  };
  return is_word(measure.name) && counts == measure.name.ends_with("_total") && one_line &&
         std::ranges::all_of(measure.labels, is_new_word);
}

Family family_of(const Measure& measure) {
  const auto name = "evloopd_workload_" + measure.name;
  return measure.type == Measure::Type::counter ? Family::counter(name, measure.help)
                                                : Family::gauge(name, measure.help);
}

}  // namespace

void put_measures(const std::vector<host::WorkloadSnapshot>& workloads,
                  std::vector<prometheus::MetricFamily>& families) {
  std::map<std::string, Family> by_name;
  for (const auto& workload : workloads) {
    for (const auto& measure : workload.measures) {
      if (!is_valid(measure)) continue;
      auto& family = by_name.try_emplace(measure.name, family_of(measure)).first->second;
      Labels labels{{.name = "workload", .value = workload.name}};
      for (const auto& [name, value] : measure.labels) labels.push_back({.name = name, .value = value});
      family.add(std::move(labels), measure.value);
    }
  }
  // A name that a family of all workloads has already would be there twice.
  for (auto& [name, family] : by_name) {
    auto taken = std::move(family).take();
    if (std::ranges::find(families, taken.name, &prometheus::MetricFamily::name) == families.end())
      families.push_back(std::move(taken));
  }
}

}  // namespace evloopd::metrics
