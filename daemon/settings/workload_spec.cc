#include "settings/workload_spec.h"

#include <array>
#include <filesystem>
#include <utility>

#include "settings/claims.h"
#include "settings/loops.h"
#include "settings/parse.h"
#include "settings/value.h"
#include "settings/workloads.h"

namespace evloopd::settings {
namespace {

Loops loops_of(const SpecContext& context) {
  Loops loops;
  for (const auto& name : context.loops) loops.options.push_back({.name = name, .labels = {}});
  loops.groups = context.loop_groups;
  return loops;
}

std::vector<WorkloadSettings> read_spec(const Value& root, const Loops& loops, const DaemonSettings& daemon,
                                        const Kinds& kinds) {
  static const std::array<std::string, 1> versions{"1"};
  Claims claims;
  auto keys = root.mapping();
  if (!root.is_mapping()) return {};
  if (!keys["workloads"].present()) {
    std::vector<WorkloadSettings> one;
    one.push_back(read_workload(root, loops, claims, daemon, kinds));
    return one;
  }
  static_cast<void>(keys["version"].choice(versions));
  auto workloads = read_workloads(keys["workloads"], loops, claims, daemon, kinds);
  keys.finish();
  return workloads;
}

}  // namespace

std::expected<std::vector<WorkloadSettings>, std::vector<Problem>> load_workloads(const std::string& name,
                                                                                  const std::string& text,
                                                                                  const SpecContext& context,
                                                                                  const Environment& environment,
                                                                                  const Kinds& kinds) {
  Report report(name);
  std::vector<WorkloadSettings> workloads;
  if (const auto root = parse(text, report)) {
    std::map<std::string, std::string> hidden;
    Reading reading{.report = report,
                    .sources = {.environment = environment, .directory = std::filesystem::path(context.directory)},
                    .hidden = hidden};
    DaemonSettings daemon;
    daemon.exec_checks = context.exec_checks;
    daemon.exec_workloads = context.exec_workloads;
    workloads = read_spec(Value(reading, root, root->position, {}), loops_of(context), daemon, kinds);
  }
  if (report.size() > 0) return std::unexpected(report.take());
  return workloads;
}

}  // namespace evloopd::settings
