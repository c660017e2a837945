#include "workloads/probe.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "workloads/probe/share.h"

namespace evloopd::workloads {
namespace {

using std::chrono::system_clock;

std::string time_text(host::WallTime time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}Z", fmt::gmtime(system_clock::to_time_t(time)));
}

double seconds(evloop::Duration time) { return std::chrono::duration<double>(time).count(); }
double seconds(host::WallTime time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

const char* word(bool up) { return up ? "up" : "down"; }

// "up since 2026-01-31 10:00:00Z: status 200 in 3.2 ms, 4 s ago"
std::string state_text(const ProbeSnapshot& target, host::WallTime now) {
  if (!target.known) return "not probed yet";
  const auto last = fmt::format("{} in {:.1f} ms, {:.0f} s ago", target.said, seconds(target.took) * 1000,
                                std::max(seconds(now) - seconds(target.time), 0.0));
  const auto against = target.against == 0 ? "" : fmt::format(", {} in a row against it", target.against);
  return fmt::format("{} since {}{}: {}", word(target.up), time_text(target.history.back().time), against, last);
}

// The last first.
std::string history_text(const ProbeSnapshot& target) {
  std::string text;
  for (auto change = target.history.rbegin(); change != target.history.rend(); ++change)
    text +=
        fmt::format("{}{} {}: {}", text.empty() ? "" : "; ", time_text(change->time), word(change->up), change->reason);
  return text;
}

TargetList::Items targets_of(const ProbeOptions& options) {
  TargetList::Items targets;
  for (const auto& target : options.targets) targets.push_back(std::make_shared<ProbeTarget>(target));
  return targets;
}

}  // namespace

Probe::Probe(const ProbeOptions& options) : list_(std::make_shared<TargetList>(targets_of(options))) {}

std::unique_ptr<host::WorkloadShare> Probe::attach(evloop::EventLoop& loop) {
  return std::make_unique<ProbeShare>(loop, list_);
}

host::Workload::Adoption Probe::adopt(host::Workload& wanted) {
  const auto* other = dynamic_cast<Probe*>(&wanted);
  if (!other) return Adoption::impossible;
  return list_->replace(other->list_->all()) ? Adoption::taken : Adoption::same;
}

std::vector<host::Fact> Probe::facts() const {
  const auto now = system_clock::now();
  std::vector<host::Fact> all;
  for (const auto& target : list_->all()) {
    const auto state = target->snapshot();
    const auto& name = target->options().name;
    all.push_back({.name = name, .value = state_text(state, now)});
    if (state.history.size() > 1) all.push_back({.name = name + " changed", .value = history_text(state)});
  }
  return all;
}

std::vector<host::Measure> Probe::measures() const {
  using enum host::Measure::Type;
  std::vector<host::Measure> all;
  for (const auto& each : list_->all()) {
    const auto target = each->snapshot();
    const host::MeasureLabel label{.name = "target", .value = each->options().name};
    const auto add = [&](host::Measure measure) {
      measure.labels.insert(measure.labels.begin(), label);
      all.push_back(std::move(measure));
    };
    add({.name = "probe_up",
         .help = "Whether the target is up; 0 until it was probed.",
         .value = target.up ? 1.0 : 0.0});
    add({.name = "probe_duration_seconds", .help = "How long the last probe took.", .value = seconds(target.took)});
    add({.name = "probe_last_timestamp_seconds",
         .help = "When the last probe ended; 0 until then.",
         .value = target.known ? seconds(target.time) : 0.0});
    const auto count = [&](const char* result, std::uint64_t value) {
      add({.name = "probe_attempts_total",
           .help = "Probes by result.",
           .type = counter,
           .value = static_cast<double>(value),
           .labels = {{.name = "result", .value = result}}});
    };
    count("passed", target.passed);
    count("failed", target.failed);
  }
  return all;
}

}  // namespace evloopd::workloads
