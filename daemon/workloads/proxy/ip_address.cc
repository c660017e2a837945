#include "workloads/proxy/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace evloopd::workloads {
namespace {

using Name = int (*)(int, sockaddr*, socklen_t*);

IpEndpoint name_of(int fd, Name name) noexcept {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (name(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  if (storage.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &storage, sizeof in);
    return {.address = IpAddress::v4(&in.sin_addr), .port = ntohs(in.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, &storage, sizeof in);
    return {.address = IpAddress::v6(&in.sin6_addr), .port = ntohs(in.sin6_port)};
  }
  return {};
}

}  // namespace

IpAddress IpAddress::v4(const void* bytes) noexcept {
  IpAddress address;
  std::memcpy(address.bytes.data(), bytes, 4);
  address.kind = Kind::v4;
  return address;
}

IpAddress IpAddress::v6(const void* bytes) noexcept {
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  IpAddress address;
  std::memcpy(address.bytes.data(), bytes, 16);
  if (std::equal(mapped.begin(), mapped.end(), address.bytes.begin())) return v4(address.bytes.data() + mapped.size());
  address.kind = Kind::v6;
  return address;
}

std::string IpAddress::to_string() const {
  if (kind == Kind::none) return {};
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(kind == Kind::v4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
}

IpEndpoint IpEndpoint::peer(int fd) noexcept { return name_of(fd, ::getpeername); }
IpEndpoint IpEndpoint::local(int fd) noexcept { return name_of(fd, ::getsockname); }

std::string IpEndpoint::to_string() const {
  if (!address) return {};
  const auto host = address.to_string();
  return (address.kind == IpAddress::Kind::v6 ? "[" + host + "]:" : host + ":") + std::to_string(port);
}

}  // namespace evloopd::workloads
