#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace evloopd::workloads {

// More than any client sends, with its post-quantum keys.
inline constexpr std::size_t most_client_hello = std::size_t{32} * 1024;

// What a TLS client says first, as far as it matters to who passes it through. No I/O; any thread.
struct ClientHello {
  enum class State : std::uint8_t { more, bad, complete };

  State state = State::more;
  std::string server_name{};  // SNI in lower case; empty if it names none

  // `more`: `bytes` are the beginning of one.
  [[nodiscard]] static ClientHello parse(std::span<const std::byte> bytes);
};

}  // namespace evloopd::workloads
