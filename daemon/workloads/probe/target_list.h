#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "aio/loop_port.h"
#include "workloads/probe/target.h"

namespace evloopd::workloads {

// The targets of one workload, and which share of it probes them: the last one that was made, as another loop may have
// taken the place of one that is stuck. Any thread.
class TargetList {
 public:
  using Targets = std::vector<std::shared_ptr<ProbeTarget>>;

  explicit TargetList(const ProbeOptions& options);

  [[nodiscard]] Targets all() const;
  // Answers whether this changes anything. Targets that stay as they are keep what is known of them; who probes is
  // told.
  bool replace(const Targets& wanted);

  // Who probes from now on, and by which number; `changed` is called on its loop when there is another list.
  std::uint64_t take_over(std::shared_ptr<evloop::LoopPort> port, std::function<void()> changed);
  [[nodiscard]] bool is_current(std::uint64_t number) const noexcept {
    return number == current_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> current_{0};
  mutable std::mutex mutex_;
  Targets targets_;                         // guarded by mutex_
  std::shared_ptr<evloop::LoopPort> port_;  // guarded by mutex_
  std::function<void()> changed_;           // guarded by mutex_
};

}  // namespace evloopd::workloads
