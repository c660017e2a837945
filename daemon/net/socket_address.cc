#include "net/socket_address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "aio/errors.h"

namespace evloop {
namespace {

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

std::uint16_t parse_port(std::string_view text, std::string_view whole) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    throw ValueError("'" + std::string(whole) + "' is no socket address: its port must be a number from 0 to 65535");
  return port;
}

// Interface name or number of "fe80::1%eth0"; 0 for neither.
std::uint32_t scope_of(const std::string& zone) {
  if (const auto index = ::if_nametoindex(zone.c_str())) return index;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), number);
  return error == std::errc() && end == zone.data() + zone.size() ? number : 0;
}

bool parse_v6(std::string_view host, sockaddr_in6& out) {
  const auto percent = host.find('%');
  if (::inet_pton(AF_INET6, std::string(host.substr(0, percent)).c_str(), &out.sin6_addr) != 1) return false;
  if (percent == std::string_view::npos) return true;
  out.sin6_scope_id = scope_of(std::string(host.substr(percent + 1)));
  return out.sin6_scope_id != 0;
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length) noexcept : SocketAddress() {
  length_ = std::min<socklen_t>(length, sizeof any_);
  if (length_ > 0) std::memcpy(&any_, address, length_);
}

SocketAddress SocketAddress::parse(std::string_view text) {
  if (text.starts_with("unix:")) {
    auto path = std::string(text.substr(5));
    if (path.starts_with('@')) path[0] = '\0';
    return unix_path(path);
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    throw ValueError("'" + std::string(text) +
                     "' is no socket address: it must be <IPv4>:<port>, [<IPv6>]:<port> or "
                     "unix:<path>");
  const auto port = parse_port(text.substr(colon + 1), text);
  auto host = text.substr(0, colon);
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  if (brackets != host.contains(':'))
    throw ValueError("'" + std::string(text) +
                     "' is no socket address: an IPv6 address stands in brackets, and no "
                     "other does");
  return ip(host, port);
}

SocketAddress SocketAddress::ip(std::string_view host, std::uint16_t port) {
  SocketAddress address;
  if (::inet_pton(AF_INET, std::string(host).c_str(), &address.v4_.sin_addr) == 1) {
    address.v4_.sin_family = AF_INET;
    address.v4_.sin_port = htons(port);
    address.length_ = sizeof address.v4_;
  } else if (parse_v6(host, address.v6_)) {
    address.v6_.sin6_family = AF_INET6;
    address.v6_.sin6_port = htons(port);
    address.length_ = sizeof address.v6_;
  } else {
    throw ValueError("'" + std::string(host) + "' is no numeric IPv4 or IPv6 address");
  }
  return address;
}

bool SocketAddress::is_ip(std::string_view host) {
  in6_addr scratch;
  const std::string text(host);
  return ::inet_pton(AF_INET, text.c_str(), &scratch) == 1 || ::inet_pton(AF_INET6, text.c_str(), &scratch) == 1;
}

SocketAddress SocketAddress::unix_path(std::string_view path) {
  SocketAddress address;
  if (path.empty()) throw ValueError("the path of a unix socket must not be empty");
  if (path.size() >= sizeof address.unix_.sun_path)
    throw ValueError("'" + std::string(path) + "' is too long for the path of a unix socket: at most " +
                     std::to_string(sizeof address.unix_.sun_path - 1) + " bytes");
  address.unix_.sun_family = AF_UNIX;
  std::memcpy(address.unix_.sun_path, path.data(), path.size());
  // An abstract name is as long as it says, a path ends with NUL.
  address.length_ = static_cast<socklen_t>(path_offset + path.size() + (path[0] == '\0' ? 0 : 1));
  return address;
}

SocketAddress SocketAddress::local(int fd) noexcept {
  SocketAddress address;
  socklen_t length = sizeof address.any_;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address.any_), &length) != 0) return {};
  address.length_ = std::min<socklen_t>(length, sizeof address.any_);
  return address;
}

SocketAddress SocketAddress::peer(int fd) noexcept {
  SocketAddress address;
  socklen_t length = sizeof address.any_;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address.any_), &length) != 0) return {};
  address.length_ = std::min<socklen_t>(length, sizeof address.any_);
  return address;
}

std::uint16_t SocketAddress::port() const noexcept {
  if (family() == AF_INET) return ntohs(v4_.sin_port);
  if (family() == AF_INET6) return ntohs(v6_.sin6_port);
  return 0;
}

std::string SocketAddress::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == AF_INET) return ::inet_ntop(AF_INET, &v4_.sin_addr, text.data(), text.size());
  if (family() == AF_INET6) {
    std::string host = ::inet_ntop(AF_INET6, &v6_.sin6_addr, text.data(), text.size());
    if (v6_.sin6_scope_id == 0) return host;
    std::array<char, IF_NAMESIZE> name{};
    return host + "%" +
           (::if_indextoname(v6_.sin6_scope_id, name.data()) ? name.data() : std::to_string(v6_.sin6_scope_id));
  }
  if (!is_unix() || length_ <= path_offset) return {};
  const std::string_view path(unix_.sun_path, length_ - path_offset);
  return std::string(path[0] == '\0' ? path : path.substr(0, path.find('\0')));
}

std::string SocketAddress::to_string() const {
  if (family() == AF_INET) return host() + ":" + std::to_string(port());
  if (family() == AF_INET6) return "[" + host() + "]:" + std::to_string(port());
  if (!is_unix()) return {};
  auto path = host();
  if (path.starts_with('\0')) path[0] = '@';
  return "unix:" + path;
}

bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept {
  if (a.family() != b.family()) return false;
  switch (a.family()) {
    case AF_INET: return a.v4_.sin_port == b.v4_.sin_port && a.v4_.sin_addr.s_addr == b.v4_.sin_addr.s_addr;
    case AF_INET6:
      return a.v6_.sin6_port == b.v6_.sin6_port && a.v6_.sin6_scope_id == b.v6_.sin6_scope_id &&
             std::memcmp(&a.v6_.sin6_addr, &b.v6_.sin6_addr, sizeof a.v6_.sin6_addr) == 0;
    default: return a.length_ == b.length_ && std::memcmp(&a.any_, &b.any_, a.length_) == 0;
  }
}

}  // namespace evloop
