#include "settings/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace evloopd::settings {
namespace {

// The canonical spelling of a numeric host.
std::optional<std::string> canonical(int family, std::string_view host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_pton(family, std::string(host).c_str(), bytes.data()) != 1) return std::nullopt;
  return ::inet_ntop(family, bytes.data(), text.data(), text.size());
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || rest != end) return std::nullopt;
  return port;
}

}  // namespace

std::expected<Address, std::string> Address::parse(std::string_view text) {
  constexpr std::string_view unix_prefix = "unix:";
  if (text.starts_with(unix_prefix)) {
    text.remove_prefix(unix_prefix.size());
    if (!text.starts_with('/')) return std::unexpected("the path of the unix socket is not absolute");
    if (text.size() > max_socket_path)
      return std::unexpected(fmt::format("the path of the unix socket has more than {} bytes", max_socket_path));
    if (text.find('\0') != text.npos) return std::unexpected("the path of the unix socket holds a zero byte");
    return Address{.family = Family::unix_socket, .host = std::string(text)};
  }

  const auto colon = text.rfind(':');
  if (colon == text.npos || text.ends_with(']')) return std::unexpected("the port is missing");
  auto host = text.substr(0, colon);
  const auto port = parse_port(text.substr(colon + 1));
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (!bracketed && canonical(AF_INET6, text)) return std::unexpected("an IPv6 address stands in brackets");
  if (!port) return std::unexpected("the port is not a number from 0 to 65535");
  if (host.empty()) return std::unexpected("the host is missing; 0.0.0.0 and [::] stand for all");
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
    if (auto name = canonical(AF_INET6, host)) return Address{Family::ipv6, *std::move(name), *port};
    return std::unexpected("what stands in the brackets is not an IPv6 address");
  }
  if (auto name = canonical(AF_INET, host)) return Address{Family::ipv4, *std::move(name), *port};
  if (host.find(':') != host.npos) return std::unexpected("an IPv6 address stands in brackets");
  const bool numeric = std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  return std::unexpected(numeric ? "the host is not an IPv4 address"
                                 : "the host is a name, and names are not looked up");
}

std::string Address::to_string() const {
  switch (family) {
    case Family::ipv4: return fmt::format("{}:{}", host, port);
    case Family::ipv6: return fmt::format("[{}]:{}", host, port);
    case Family::unix_socket: return "unix:" + host;
  }
  return {};
}

bool Address::is_any() const {
  return (family == Family::ipv4 && host == "0.0.0.0") || (family == Family::ipv6 && host == "::");
}

bool Address::is_loopback() const {
  return (family == Family::ipv4 && host.starts_with("127.")) || (family == Family::ipv6 && host == "::1");
}

bool Address::reaches(const Address& listener) const {
  if (family != listener.family || port != listener.port) return false;
  return host == listener.host || (listener.is_any() && is_loopback());
}

}  // namespace evloopd::settings
