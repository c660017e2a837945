#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "host/workload.h"

namespace evloopd::workloads {

// How many connections one share has open, for any thread to read; the workload's counters follow.
class OpenConnections {
 public:
  explicit OpenConnections(host::WorkloadCounters& counters) : counters_(counters) {}
  OpenConnections(const OpenConnections&) = delete;
  OpenConnections& operator=(const OpenConnections&) = delete;

  // Held for as long as a connection is open, and not longer than what it counts in. Loop thread only.
  class Slot {
   public:
    Slot() noexcept = default;
    explicit Slot(OpenConnections& open) noexcept : open_(&open) { open.add(); }
    Slot(Slot&& other) noexcept : open_(std::exchange(other.open_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(open_, other.open_);
      return *this;
    }
    ~Slot() { release(); }
    [[nodiscard]] explicit operator bool() const noexcept { return open_ != nullptr; }
    void release() noexcept {
      if (auto* open = std::exchange(open_, nullptr)) open->remove();
    }

   private:
    OpenConnections* open_ = nullptr;
  };

  // Any thread.
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  // One writer: a load and a store will do.
  void add() noexcept {
    size_.store(size() + 1, std::memory_order_relaxed);
    counters_.connections_open.fetch_add(1, std::memory_order_relaxed);
    counters_.connections_total.fetch_add(1, std::memory_order_relaxed);
  }
  void remove() noexcept {
    size_.store(size() - 1, std::memory_order_relaxed);
    counters_.connections_open.fetch_sub(1, std::memory_order_relaxed);
  }

  host::WorkloadCounters& counters_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace evloopd::workloads
