#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "workloads/proxy/ip_address.h"
#include "workloads/proxy/session.h"

// The PROXY protocol, versions 1 and 2: what a proxy says in front of a connection's bytes about whose connection it
// is. No I/O; any thread.
namespace evloopd::workloads {

// More than any proxy sends: a header that says it is longer is refused.
inline constexpr std::size_t most_proxy_header = 4096;

struct ProxyHeader {
  IpEndpoint source;  // none if the proxy speaks for itself (LOCAL), or does not know (UNKNOWN), or of a unix socket
  IpEndpoint destination;  // likewise
  TlsFacts tls{};          // what version 2 tells of it
};

enum class HeaderState : std::uint8_t { more, bad, complete };

struct ParsedHeader {
  HeaderState state = HeaderState::more;
  std::size_t length = 0;  // of the complete header
  ProxyHeader header{};
};

// Reads a header that `bytes` begin with. `more`: they are the beginning of one. A checksum, if there is one, must be
// right.
[[nodiscard]] ParsedHeader parse_proxy_header(std::span<const std::byte> bytes);

// ... and writes one.
[[nodiscard]] std::string proxy_header_v1(const ProxyHeader& header);
[[nodiscard]] std::string proxy_header_v2(const ProxyHeader& header);

}  // namespace evloopd::workloads
