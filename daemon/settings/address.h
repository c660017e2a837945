#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace evloopd::settings {

// Where a socket listens or connects to: "127.0.0.1:8080", "[::1]:8080" or "unix:/run/app.sock". Names are not looked
// up: a configuration that is right stays right whatever a name server says.
struct Address {
  enum class Family { ipv4, ipv6, unix_socket };

  Family family = Family::ipv4;
  std::string host;  // in its one canonical spelling; of a unix socket: the absolute path
  std::uint16_t port = 0;

  bool operator==(const Address&) const = default;

  // The error says what is wrong with `text`, not what would be right.
  [[nodiscard]] static std::expected<Address, std::string> parse(std::string_view text);

  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] bool is_any() const;  // 0.0.0.0 or [::]
  [[nodiscard]] bool is_loopback() const;

  // Whether a connection to this address ends at a socket that listens on `listener`, as far as the text tells.
  [[nodiscard]] bool reaches(const Address& listener) const;
};

inline constexpr std::string_view address_syntax =
    "an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/app.sock";

// Bytes that fit into a unix socket's address.
inline constexpr std::size_t max_socket_path = 107;

}  // namespace evloopd::settings
