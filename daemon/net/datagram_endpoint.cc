#include "net/datagram_endpoint.h"

#include <algorithm>
#include <cerrno>

#include "base/system_error.h"
#include "net/os_error.h"
#include "net/resolve.h"
#include "net/sock.h"

namespace evloop {
namespace {

// What one socket would be bound and connected to: of one family.
struct Candidate {
  int family;
  SocketAddress local{};
  SocketAddress remote{};
};

Coro<std::vector<SocketAddress>> addresses_of(EventLoop& loop, DatagramAddress where, DatagramOptions options) {
  if (const auto* known = std::get_if<SocketAddress>(&where)) co_return {*known};
  auto* const name = std::get_if<HostPort>(&where);
  if (!name) co_return {};
  const AddressHints hints{
      .family = options.family, .type = SOCK_DGRAM, .proto = options.proto, .flags = options.flags};
  auto found = co_await resolve(loop, std::move(name->host), std::move(name->port), hints, options.resolver);
  if (found.empty()) throw OsError(EADDRNOTAVAIL, "getaddrinfo() returned empty list");
  co_return found;
}

bool is_given(const DatagramAddress& address) { return !std::holds_alternative<std::monostate>(address); }

// One of each family, in the order in which they are first seen; those that lack one of the addresses wanted are left
// out.
std::vector<Candidate> match(const std::vector<SocketAddress>& local, const std::vector<SocketAddress>& remote,
                             const DatagramOptions& options) {
  std::vector<Candidate> all;
  const auto add = [&](const SocketAddress& address, SocketAddress Candidate::* side) {
    if (options.family != AF_UNSPEC && options.family != address.family()) return;
    const auto of_family = [&](const Candidate& candidate) { return candidate.family == address.family(); };
    auto place = std::ranges::find_if(all, of_family);
    if (place == all.end()) place = all.insert(place, {.family = address.family()});
    (*place).*side = address;
  };
  for (const auto& address : local) add(address, &Candidate::local);
  for (const auto& address : remote) add(address, &Candidate::remote);
  std::erase_if(all, [&](const Candidate& candidate) {
    return candidate.local.empty() != local.empty() || candidate.remote.empty() != remote.empty();
  });
  if (all.empty()) throw ValueError("can not get address information");
  return all;
}

UniqueFd bind_candidate(const Candidate& candidate, const DatagramOptions& options) {
  UniqueFd fd(::socket(candidate.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, options.proto));
  if (!fd) throw_errno("socket");
  if (options.reuse_port) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  if (options.allow_broadcast) set_option(fd.get(), SOL_SOCKET, SO_BROADCAST, 1, "SO_BROADCAST");
  if (candidate.local.empty()) return fd;
  if (candidate.local.is_unix()) remove_stale_socket(candidate.local.host());
  bind_socket(fd.get(), candidate.local);
  return fd;
}

}  // namespace

Coro<DatagramSocket> open_datagram_socket(EventLoop& loop, DatagramOptions options) {
  std::vector<Candidate> candidates;
  if (is_given(options.local_addr) || is_given(options.remote_addr)) {
    const auto local = co_await addresses_of(loop, options.local_addr, options);
    const auto remote = co_await addresses_of(loop, options.remote_addr, options);
    candidates = match(local, remote, options);
  } else {
    if (options.family == AF_UNSPEC) throw ValueError("unexpected address family");
    candidates.push_back({.family = options.family});
  }
  std::exception_ptr first_error;
  for (const auto& candidate : candidates) {
    try {
      auto fd = bind_candidate(candidate, options);
      if (!candidate.remote.empty() && !options.allow_broadcast)
        co_await sock_connect(loop, fd.get(), candidate.remote);
      co_return DatagramSocket{.fd = std::move(fd), .remote = candidate.remote};
    } catch (const std::system_error&) {
      if (!first_error) first_error = std::current_exception();
    }
  }
  std::rethrow_exception(first_error);
}

}  // namespace evloop
