#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "host/workload.h"

namespace evloopd::workloads {

// Why a client's connection ended. Of several the first counts, but that one side closed is the reason only if nothing
// else happens before the other does.
enum class EndReason : std::uint8_t {
  client_closed,
  upstream_closed,
  client_reset,    // or failed otherwise
  upstream_reset,  // likewise
  client_left,     // before it had an upstream
  connect_failed,
  connect_timeout,
  no_upstream,    // none was up
  queue_full,     // all were at their limit, and too many waited
  queue_timeout,  // likewise, and no place was left in time
  greeting_timeout,
  first_byte_timeout,
  idle_timeout,
  half_close_timeout,
  lifetime,
  access_denied,
  connection_limit,
  source_limit,
  accept_rate,
  bad_proxy_header,
  bad_client_hello,     // of a client that is to be routed by it
  client_tls_failed,    // its handshake
  upstream_tls_failed,  // likewise
  drained,              // cut at the end of a drain
  aborted,              // cut without one
  fault_reset,          // reset on purpose
};
inline constexpr std::array<std::string_view, 26> end_reason_names{
    "client_closed",     "upstream_closed",     "client_reset",
    "upstream_reset",    "client_left",         "connect_failed",
    "connect_timeout",   "no_upstream",         "queue_full",
    "queue_timeout",     "greeting_timeout",    "first_byte_timeout",
    "idle_timeout",      "half_close_timeout",  "lifetime",
    "access_denied",     "connection_limit",    "source_limit",
    "accept_rate",       "bad_proxy_header",    "bad_client_hello",
    "client_tls_failed", "upstream_tls_failed", "drained",
    "aborted",           "fault_reset"};
static_assert(end_reason_names.size() == static_cast<std::size_t>(EndReason::fault_reset) + 1);

[[nodiscard]] inline std::string_view name_of(EndReason reason) noexcept {
  return end_reason_names[static_cast<std::size_t>(reason)];
}

// How many ended for which reason. Any thread.
class EndCounters {
 public:
  void count(EndReason reason) noexcept {
    counts_[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t of(EndReason reason) const noexcept {
    return counts_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::vector<host::NamedCount> all() const {
    std::vector<host::NamedCount> all;
    for (std::size_t i = 0; i < counts_.size(); ++i)
      all.push_back({.name = end_reason_names[i], .count = counts_[i].load(std::memory_order_relaxed)});
    return all;
  }

 private:
  std::array<std::atomic<std::uint64_t>, end_reason_names.size()> counts_{};
};

}  // namespace evloopd::workloads
