#include "workloads/dns/dns_name.h"

#include <algorithm>
#include <charconv>

#include "aio/errors.h"
#include "net/socket_address.h"

namespace evloopd::workloads {
namespace {

constexpr std::size_t longest_name = 253;
constexpr std::size_t longest_label = 63;

bool is_label(std::string_view label) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= longest_label && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, fits);
}

}  // namespace

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > longest_name) return false;
  while (!host.empty()) {
    const auto dot = std::min(host.find('.'), host.size());
    if (!is_label(host.substr(0, dot))) return false;
    host.remove_prefix(std::min(dot + 1, host.size()));  // one dot at the end is allowed
  }
  return true;
}

DnsName DnsName::parse(std::string_view text) {
  const auto fail = [&](const char* why) -> DnsName {
    throw evloop::ValueError("the DNS name '" + std::string(text) + "' " + why);
  };
  const auto colon = text.rfind(':');
  DnsName name{.host = std::string(text.substr(0, colon))};
  if (!is_host_name(name.host)) return fail("is not a host's");
  if (evloop::SocketAddress::is_ip(name.host)) return fail("is an address");
  const bool service = text.starts_with('_');
  if (colon == text.npos) return service ? name : fail("has no port");
  if (service) return fail("has a port, which the SRV records say");
  const auto port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), name.port);
  if (error != std::errc() || end != port.data() + port.size() || name.port == 0)
    return fail("has a port that is no number from 1 to 65535");
  return name;
}

}  // namespace evloopd::workloads
