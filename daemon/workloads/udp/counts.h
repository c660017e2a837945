#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "host/workload.h"

// What a udp.relay counts, over all its loops. Any thread, relaxed.
namespace evloopd::workloads {

// A count for each enumerator of E, under a name.
template <class E, std::size_t n>
class CountsBy {
 public:
  explicit constexpr CountsBy(const std::array<std::string_view, n>& names) : names_(names) {}

  void add(E which, std::uint64_t count = 1) noexcept {
    counts_[static_cast<std::size_t>(which)].fetch_add(count, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t of(E which) const noexcept {
    return counts_[static_cast<std::size_t>(which)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::vector<host::NamedCount> all() const {
    std::vector<host::NamedCount> all;
    for (std::size_t i = 0; i < n; ++i) all.push_back({.name = names_[i], .count = of(static_cast<E>(i))});
    return all;
  }

 private:
  const std::array<std::string_view, n>& names_;
  std::array<std::atomic<std::uint64_t>, n> counts_{};
};

enum class UdpDirection : std::uint8_t { to_upstream, to_client };
inline constexpr std::array<std::string_view, 2> udp_direction_names{"to_upstream", "to_client"};

// Why a datagram was dropped.
enum class UdpDrop : std::uint8_t {
  oversize,       // longer than the configuration allows
  session_limit,  // of a client that came when there were too many
  source_limit,   // likewise, of its address
  no_upstream,    // for a new client: none is there, or none could be reached
  no_socket,      // likewise: the process has no descriptor or port left
  refused,        // by the upstream, which is not there any more
  not_sent,       // the system had no room for it, or did not take it
};
inline constexpr std::array<std::string_view, 7> udp_drop_names{
    "oversize", "session_limit", "source_limit", "no_upstream", "no_socket", "refused", "not_sent"};

// Why a session ended.
enum class UdpEnd : std::uint8_t {
  idle_timeout,
  refused,  // by the upstream
  moved,    // the client's datagrams go to another loop or generation, or to nobody; and the upstream was silent
  aborted,  // cut
};
inline constexpr std::array<std::string_view, 4> udp_end_names{"idle_timeout", "refused", "moved", "aborted"};

struct UdpCounts {
  CountsBy<UdpDirection, udp_direction_names.size()> relayed{udp_direction_names};
  CountsBy<UdpDrop, udp_drop_names.size()> dropped{udp_drop_names};
  CountsBy<UdpEnd, udp_end_names.size()> ended{udp_end_names};
};

}  // namespace evloopd::workloads
