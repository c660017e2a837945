#include "workloads/proxy/network_table.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <string>

namespace evloopd::workloads {

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const std::string host(text.substr(0, slash));
  Network network;
  in_addr v4;
  in6_addr v6;
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    network.address = IpAddress::v4(&v4);
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    network.address = IpAddress::v6(&v6);
  } else {
    return std::nullopt;
  }
  network.prefix = network.address.bits();
  if (slash != text.npos) {
    const auto digits = text.substr(slash + 1);
    const auto* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, network.prefix);
    if (error != std::errc() || stop != end || digits.front() == '-' || network.prefix > network.address.bits())
      return std::nullopt;
  }
  for (int i = network.prefix; i < network.address.bits(); ++i)
    if (network.address.bit(i)) return std::nullopt;
  return network;
}

}  // namespace evloopd::workloads
