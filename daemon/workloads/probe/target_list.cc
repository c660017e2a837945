#include "workloads/probe/target_list.h"

#include <algorithm>
#include <utility>

namespace evloopd::workloads {

TargetList::TargetList(const ProbeOptions& options) {
  for (const auto& target : options.targets) targets_.push_back(std::make_shared<ProbeTarget>(target));
}

TargetList::Targets TargetList::all() const {
  const std::lock_guard lock(mutex_);
  return targets_;
}

bool TargetList::replace(const Targets& wanted) {
  const std::lock_guard lock(mutex_);
  Targets next;
  for (const auto& target : wanted) {
    const auto same = std::ranges::find(targets_, target->options(), [](const auto& each) { return each->options(); });
    next.push_back(same == targets_.end() ? target : *same);
  }
  if (next == targets_) return false;
  targets_ = std::move(next);
  if (port_) port_->post(changed_);
  return true;
}

std::uint64_t TargetList::take_over(std::shared_ptr<evloop::LoopPort> port, std::function<void()> changed) {
  const std::lock_guard lock(mutex_);
  port_ = std::move(port);
  changed_ = std::move(changed);
  return current_.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace evloopd::workloads
