#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "host/workload.h"
#include "workloads/exec/options.h"
#include "workloads/exec/process_slot.h"
#include "workloads/exec/share.h"

namespace evloopd::workloads {

// `exec`: runs programs: all the time, at intervals, or once. What they write is logged, and how they are is shown and
// measured. They run as this process's user, without a sandbox. Runs on one loop.
class Exec final : public host::Workload {
 public:
  // Throws ValueError for options that settings/ would have refused.
  explicit Exec(const ExecOptions& options);

  [[nodiscard]] std::string_view kind() const override { return "exec"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop& loop) override;
  // In place: programs that are the same in all they have go on.
  [[nodiscard]] Adoption adopt(host::Workload& wanted) override;
  // On another loop: those that are the same are stopped there and started here, with what is known of them.
  void succeed(host::Workload& before) override;
  // For each program how it is, and what it wrote last.
  [[nodiscard]] std::vector<host::Fact> facts() const override;
  [[nodiscard]] std::vector<host::Measure> measures() const override;

 private:
  void use(std::shared_ptr<ProcessSlots> slots);

  std::shared_ptr<ProcessSlots> slots_;
  std::shared_ptr<ProgramList> list_;
  std::shared_ptr<ProgramList> before_;  // of whom this takes the place of, until it does
};

}  // namespace evloopd::workloads
