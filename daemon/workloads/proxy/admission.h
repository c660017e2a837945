#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "host/token_bucket.h"
#include "workloads/proxy/end_reason.h"
#include "workloads/proxy/ip_address.h"
#include "workloads/proxy/network_table.h"
#include "workloads/proxy/options.h"

namespace evloopd::workloads {

// Who may come, and how many: the access lists and limits of one workload, for all its loops. What is not limited costs
// nothing. Any thread.
class Admission {
 public:
  // Throws ValueError for a network that is none.
  Admission(const ProxyAccess& access, const ProxyLimits& limits);
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // What one connection counts in, for as long as this lives. The admission outlives it.
  class Ticket {
   public:
    Ticket() noexcept = default;
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() {
      if (admission_) admission_->left(*this);
    }

   private:
    friend class Admission;
    Admission* admission_ = nullptr;  // null: counts in nothing
    bool is_counted_ = false;         // among all
    IpAddress source_;                // among those of the source
  };

  // Each answers why the client is refused, if it is: when it is accepted, and once its source is known.
  [[nodiscard]] std::optional<EndReason> accept(Ticket& ticket, evloop::TimePoint now);
  [[nodiscard]] std::optional<EndReason> admit(Ticket& ticket, const IpAddress& source);

  // Somebody has to know where a client comes from.
  [[nodiscard]] bool needs_source() const noexcept { return !table_.empty() || deny_others_ || limits_.per_source > 0; }

 private:
  [[nodiscard]] bool may_come(const IpAddress& source) const noexcept;
  [[nodiscard]] bool join_source(const IpAddress& source);
  void left(Ticket& ticket) noexcept;

  // Constant after construction.
  const ProxyLimits limits_;
  const bool deny_others_;  // those in no network
  NetworkTable<bool> table_;

  std::atomic<std::size_t> connections_{0};
  host::TokenBucket turns_;  // of `accept_rate`
  std::mutex mutex_;
  std::map<IpAddress, std::size_t> sources_;  // guarded by mutex_: connections of each
};

}  // namespace evloopd::workloads
