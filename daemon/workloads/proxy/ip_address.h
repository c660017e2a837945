#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace evloopd::workloads {

// An IPv4 or IPv6 address, in 17 bytes where a sockaddr takes 128. An IPv4 address that an IPv6 socket has seen
// (::ffff:1.2.3.4) is the IPv4 address. A value.
struct IpAddress {
  enum class Kind : std::uint8_t { none, v4, v6 };

  std::array<std::uint8_t, 16> bytes{};  // in network order; of IPv4 the first four
  Kind kind = Kind::none;

  [[nodiscard]] static IpAddress v4(const void* bytes) noexcept;
  [[nodiscard]] static IpAddress v6(const void* bytes) noexcept;

  [[nodiscard]] explicit operator bool() const noexcept { return kind != Kind::none; }
  [[nodiscard]] int bits() const noexcept { return kind == Kind::v4 ? 32 : 128; }
  [[nodiscard]] bool bit(int index) const noexcept {
    return (bytes[static_cast<std::size_t>(index / 8)] >> (7 - index % 8) & 1) != 0;
  }
  [[nodiscard]] std::string to_string() const;  // "" of none
  auto operator<=>(const IpAddress&) const = default;
};

// ... and a port: one end of a TCP connection. None for a unix socket.
struct IpEndpoint {
  IpAddress address;
  std::uint16_t port = 0;

  // Of a socket: the other end, and this one. Never throws.
  [[nodiscard]] static IpEndpoint peer(int fd) noexcept;
  [[nodiscard]] static IpEndpoint local(int fd) noexcept;

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(address); }
  [[nodiscard]] std::string to_string() const;  // "127.0.0.1:80", "[::1]:80"; "" of none
  auto operator<=>(const IpEndpoint&) const = default;
};

}  // namespace evloopd::workloads
