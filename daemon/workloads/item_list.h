#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "aio/loop_port.h"

namespace evloopd::workloads {

// What a workload that has no connections works at, such as the targets of a probe, and which share of it does so: the
// last one that was made, as another loop may have taken the place of one that is stuck. Each item has `options()`. Any
// thread.
template <class Item>
class ItemList {
 public:
  using Items = std::vector<std::shared_ptr<Item>>;

  explicit ItemList(Items items) : items_(std::move(items)) {}

  [[nodiscard]] Items all() const {
    const std::lock_guard lock(mutex_);
    return items_;
  }
  // Answers whether this changes anything. Items that stay as they are keep what is known of them; who works is told.
  bool replace(const Items& wanted) {
    const std::lock_guard lock(mutex_);
    Items next;
    for (const auto& item : wanted) {
      const auto same = std::ranges::find(items_, item->options(), [](const auto& each) { return each->options(); });
      next.push_back(same == items_.end() ? item : *same);
    }
    if (next == items_) return false;
    items_ = std::move(next);
    if (port_) port_->post(changed_);
    return true;
  }

  // Who works from now on, and by which number; `changed` is called on its loop when there is another list.
  std::uint64_t take_over(std::shared_ptr<evloop::LoopPort> port, std::function<void()> changed) {
    const std::lock_guard lock(mutex_);
    port_ = std::move(port);
    changed_ = std::move(changed);
    return current_.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  // From now on nobody does.
  void dismiss() {
    const std::lock_guard lock(mutex_);
    port_ = nullptr;
    changed_ = nullptr;
    current_.fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_current(std::uint64_t number) const noexcept {
    return number == current_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> current_{0};
  mutable std::mutex mutex_;
  Items items_;                             // guarded by mutex_
  std::shared_ptr<evloop::LoopPort> port_;  // guarded by mutex_
  std::function<void()> changed_;           // guarded by mutex_
};

}  // namespace evloopd::workloads
