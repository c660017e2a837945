#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/socket_address.h"

// Hashes that are the same in every process and on every machine, so that several daemons before the same upstreams
// choose alike.
namespace evloopd::workloads {

// The end of splitmix64: spreads every bit over all.
constexpr std::uint64_t mix(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

// FNV-1a, mixed.
[[nodiscard]] inline std::uint64_t hash_of(std::span<const std::byte> bytes) noexcept {
  std::uint64_t value = 0xcbf29ce484222325U;
  for (const auto byte : bytes) value = (value ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3U;
  return mix(value);
}
[[nodiscard]] inline std::uint64_t hash_of(std::string_view text) noexcept {
  return hash_of(std::as_bytes(std::span(text)));
}

// By which a client is told from others: its host, without its port. All clients of a unix socket are one.
[[nodiscard]] inline std::uint64_t source_key(const evloop::SocketAddress& client) noexcept {
  switch (client.family()) {
    case AF_INET:
      return hash_of(std::as_bytes(std::span(&reinterpret_cast<const sockaddr_in*>(client.data())->sin_addr, 1)));
    case AF_INET6:
      return hash_of(std::as_bytes(std::span(&reinterpret_cast<const sockaddr_in6*>(client.data())->sin6_addr, 1)));
    default: return 0;
  }
}

}  // namespace evloopd::workloads
