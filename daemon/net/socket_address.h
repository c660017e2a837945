#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace evloop {

// The address of a socket: IPv4, IPv6 or unix, never a name to look up. A value; empty when unknown.
class SocketAddress {
 public:
  SocketAddress() noexcept : any_{}, length_(0) { any_.ss_family = AF_UNSPEC; }
  // Copies what the kernel gave.
  SocketAddress(const sockaddr* address, socklen_t length) noexcept;

  // "127.0.0.1:80", "[::1]:0", "[fe80::1%eth0]:80", "unix:/path", "unix:@abstract". Throws ValueError.
  [[nodiscard]] static SocketAddress parse(std::string_view text);
  // A numeric host. Throws ValueError.
  [[nodiscard]] static SocketAddress ip(std::string_view host, std::uint16_t port);
  // True for what ip() takes.
  [[nodiscard]] static bool is_ip(std::string_view host);
  // A path of the file system, or with a leading NUL an abstract name. Throws ValueError if it is empty or too long.
  [[nodiscard]] static SocketAddress unix_path(std::string_view path);

  // What the socket is bound and connected to; empty if it is not. Never throws.
  [[nodiscard]] static SocketAddress local(int fd) noexcept;
  [[nodiscard]] static SocketAddress peer(int fd) noexcept;

  [[nodiscard]] int family() const noexcept { return any_.ss_family; }
  [[nodiscard]] bool empty() const noexcept { return family() == AF_UNSPEC; }
  [[nodiscard]] bool is_unix() const noexcept { return family() == AF_UNIX; }
  [[nodiscard]] bool is_inet() const noexcept { return family() == AF_INET || family() == AF_INET6; }
  // 0 where there is none.
  [[nodiscard]] std::uint16_t port() const noexcept;
  // The numeric host of an IP address, the path of a unix one (empty: unnamed).
  [[nodiscard]] std::string host() const;
  // As parse() takes it; an unnamed unix socket is "unix:", an unknown address "".
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&any_); }
  [[nodiscard]] socklen_t length() const noexcept { return length_; }

  friend bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept;

 private:
  union {
    sockaddr_storage any_;
    sockaddr_in v4_;
    sockaddr_in6 v6_;
    sockaddr_un unix_;
  };
  socklen_t length_;
};

}  // namespace evloop
