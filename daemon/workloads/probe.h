#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "host/workload.h"
#include "workloads/probe/options.h"
#include "workloads/probe/target_list.h"

namespace evloopd::workloads {

// `probe`: asks others again and again whether they serve: each change is logged, and how they are is shown and
// measured. Runs on one loop.
class Probe final : public host::Workload {
 public:
  // Throws ValueError for options that settings/ would have refused, and what Checker throws.
  explicit Probe(const ProbeOptions& options);

  [[nodiscard]] std::string_view kind() const override { return "probe"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop& loop) override;
  // In place: targets that are the same in all they have are kept, with what is known of them.
  [[nodiscard]] Adoption adopt(host::Workload& wanted) override;
  // Two for each target: how it is, and how it was.
  [[nodiscard]] std::vector<host::Fact> facts() const override;
  [[nodiscard]] std::vector<host::Measure> measures() const override;

 private:
  const std::shared_ptr<TargetList> list_;
};

}  // namespace evloopd::workloads
