#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "host/faults.h"
#include "workloads/proxy/fault_stage.h"

namespace evloopd::workloads {

// What is done to one connection.
struct ConnectionFaults {
  host::FaultSpec spec;
  std::uint64_t seed;

  // For the stage of the bytes that go there.
  [[nodiscard]] FaultStage::Options towards(host::FaultDirection direction, std::size_t buffer) const noexcept;
};

// The faults of one workload: those of its configuration, and those that are set for a time in their place. A thread
// stands by while some are set, and takes them back when their time is over, whether anybody comes or not. Any thread.
class FaultSwitch final : public host::Faults {
 public:
  // The configured ones.
  explicit FaultSwitch(const host::FaultSpec& spec);
  FaultSwitch(const FaultSwitch&) = delete;
  FaultSwitch& operator=(const FaultSwitch&) = delete;

  // For the log.
  void set_workload(const std::string& name);

  // Decides what is done to a connection that has its upstream now; none is how it nearly always is.
  [[nodiscard]] std::optional<ConnectionFaults> for_next_connection() {
    if (!on_.load(std::memory_order_relaxed)) [[likely]]
      return std::nullopt;
    return draw();
  }

  // Other configured ones. Those that are set stay for their time. False if they were like that already.
  bool configure(const host::FaultSpec& spec);
  host::HostResult<void> set(const host::FaultSpec& spec, std::chrono::nanoseconds ttl) override;
  void clear() override;
  [[nodiscard]] host::FaultsSnapshot snapshot() const override;

 private:
  [[nodiscard]] std::optional<ConnectionFaults> draw();
  // With mutex_ held.
  void put_in_force();
  void tell(const std::string& what) const;
  void expire(const std::stop_token& stop, std::chrono::steady_clock::time_point when);

  std::atomic<bool> on_;
  std::atomic<std::uint64_t> connections_{0};  // ever touched

  std::mutex changing_;  // one is set at a time
  mutable std::mutex mutex_;
  std::condition_variable_any wake_up_;
  std::string workload_;  // guarded by mutex_, as all that follows
  host::FaultSpec configured_;
  std::optional<host::FaultSpec> set_;  // in place of these
  host::WallTime expire_time_;          // of those
  host::FaultSpec in_force_;
  std::uint64_t drawn_ = 0;  // connections since it is
  std::jthread timer_;       // guarded by changing_; goes first
};

}  // namespace evloopd::workloads
