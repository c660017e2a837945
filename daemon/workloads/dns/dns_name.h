#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace evloopd::workloads {

// At most 253 of letters, digits, - and _, with dots between labels.
[[nodiscard]] bool is_host_name(std::string_view text);

// What an upstream asks the DNS for: "app.internal:80" for the addresses of a host, or "_app._tcp.internal" for a
// service, whose SRV records say hosts and ports.
struct DnsName {
  std::string host;
  std::uint16_t port = 0;  // 0: a service

  [[nodiscard]] bool is_service() const noexcept { return port == 0; }

  // Throws ValueError, which says what is wrong.
  [[nodiscard]] static DnsName parse(std::string_view text);
};

}  // namespace evloopd::workloads
