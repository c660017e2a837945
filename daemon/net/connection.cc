#include "net/connection.h"

#include <algorithm>
#include <cerrno>

#include "net/os_error.h"
#include "net/resolve.h"
#include "net/sock.h"
#include "net/staggered.h"

namespace evloop {
namespace {

using Errors = std::vector<std::exception_ptr>;

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return describe(error);
  }
}

// Binds to the first local address of the right family that can be had (CONN-06).
void bind_local(int fd, int family, const std::vector<SocketAddress>& addresses) {
  int error = 0;
  std::string text = "no matching local address with family=" + std::to_string(family) + " found";
  for (const auto& address : addresses) {
    if (address.family() != family) continue;
    if (::bind(fd, address.data(), address.length()) == 0) return;
    error = errno;
    text = "error while attempting to bind on address " + address.to_string() + ": " + error_text(error);
  }
  throw OsError(error != 0 ? error : EADDRNOTAVAIL, text);
}

// One attempt. The socket is closed if it fails.
Coro<UniqueFd> connect_one(EventLoop& loop, SocketAddress address, std::vector<SocketAddress> local) {
  auto fd = open_stream_socket(address.family());
  if (!local.empty()) bind_local(fd.get(), address.family(), local);
  co_await sock_connect(loop, fd.get(), address);
  co_return fd;
}

// One of each family in turn, after `first` - 1 of the first family (CONN-11).
std::vector<SocketAddress> interleave(const std::vector<SocketAddress>& addresses, std::size_t first) {
  std::vector<std::vector<SocketAddress>> families;
  for (const auto& address : addresses) {
    const auto same = [&](const auto& family) { return family.front().family() == address.family(); };
    auto family = std::ranges::find_if(families, same);
    if (family == families.end()) {
      families.push_back({address});
    } else {
      family->push_back(address);
    }
  }
  std::vector<SocketAddress> mixed;
  if (families.empty()) return mixed;
  auto& leading = families.front();
  const auto ahead = static_cast<std::ptrdiff_t>(std::min(first - 1, leading.size()));
  mixed.assign(leading.begin(), leading.begin() + ahead);
  leading.erase(leading.begin(), leading.begin() + ahead);
  for (std::size_t round = 0; mixed.size() < addresses.size(); ++round)
    for (const auto& family : families)
      if (round < family.size()) mixed.push_back(family[round]);
  return mixed;
}

// What all attempts failed with, as one error (CONN-07, CONN-08).
[[noreturn]] void throw_combined(const Errors& errors, bool all_errors) {
  if (all_errors) throw ExceptionGroup("create_connection failed", errors);
  if (errors.empty()) throw TimeoutError("create_connection failed");
  const auto first = text_of(errors.front());
  std::string all;
  bool equal = true;
  for (const auto& error : errors) {
    const auto text = text_of(error);
    equal = equal && text == first;
    all += (all.empty() ? "" : ", ") + text;
  }
  if (equal) std::rethrow_exception(errors.front());
  try {
    std::rethrow_exception(errors.front());
  } catch (const std::system_error& error) {
    throw OsError(error.code(), "Multiple exceptions: " + all);
  }
}

Coro<UniqueFd> connect_in_order(EventLoop& loop, std::vector<SocketAddress> addresses, std::vector<SocketAddress> local,
                                bool all_errors) {
  Errors errors;
  for (const auto& address : addresses) {
    auto attempt = co_await settled(connect_one(loop, address, local));
    if (attempt.has_value()) co_return std::move(attempt).take();
    // Only a system error moves on to the next address (CONN-09).
    if (!holds<std::system_error>(attempt.error())) std::rethrow_exception(attempt.error());
    errors.push_back(attempt.error());
  }
  throw_combined(errors, all_errors);
}

Coro<UniqueFd> connect_as_race(EventLoop& loop, std::vector<SocketAddress> addresses, std::vector<SocketAddress> local,
                               Duration delay, bool all_errors) {
  std::vector<std::function<Coro<UniqueFd>()>> attempts;
  for (const auto& address : addresses)
    attempts.emplace_back([&loop, address, local] { return connect_one(loop, address, local); });
  auto race = co_await staggered_race<UniqueFd>(loop, std::move(attempts), delay);
  if (race.value) co_return std::move(*race.value);
  std::erase_if(race.errors, [](const auto& error) { return !holds<std::system_error>(error); });
  throw_combined(race.errors, all_errors);
}

Coro<std::vector<SocketAddress>> resolve_some(EventLoop& loop, std::string host, Port port, ConnectOptions options) {
  auto addresses =
      co_await resolve(loop, std::move(host), std::move(port),
                       {.family = options.family, .type = SOCK_STREAM, .flags = options.flags}, options.resolver);
  if (addresses.empty()) throw OsError(EADDRNOTAVAIL, "getaddrinfo() returned empty list");
  co_return addresses;
}

}  // namespace

Coro<UniqueFd> connect_stream(EventLoop& loop, std::string host, Port port, ConnectOptions options) {
  if (host.empty() && port.text().empty()) throw ValueError("host and port was not specified and no sock specified");
  auto addresses = co_await resolve_some(loop, std::move(host), std::move(port), options);
  co_return co_await connect_stream(loop, std::move(addresses), std::move(options));
}

Coro<UniqueFd> connect_stream(EventLoop& loop, std::vector<SocketAddress> addresses, ConnectOptions options) {
  if (addresses.empty()) throw OsError(EADDRNOTAVAIL, "getaddrinfo() returned empty list");
  std::vector<SocketAddress> local;
  if (options.local_addr) {
    local = co_await resolve_some(loop, options.local_addr->host, options.local_addr->port, options);
  }
  const auto first = options.interleave.value_or(options.happy_eyeballs_delay ? 1 : 0);
  if (first > 0) addresses = interleave(addresses, first);
  if (options.happy_eyeballs_delay)
    co_return co_await connect_as_race(loop, std::move(addresses), std::move(local), *options.happy_eyeballs_delay,
                                       options.all_errors);
  co_return co_await connect_in_order(loop, std::move(addresses), std::move(local), options.all_errors);
}

Coro<Ref<Transport>> begin_connection(EventLoop& loop, UniqueFd sock, Ref<BaseProtocol> protocol, TlsUse tls) {
  auto waiter = loop.create_future();
  Ref<Transport> transport;
  if (tls.layer) {
    auto [below, upper] = tls.layer->wrap(loop, std::move(protocol), tls.server_hostname, waiter);
    static_cast<void>(SocketTransport::create(loop, std::move(sock), std::move(below)));
    transport = std::move(upper);
  } else {
    transport = SocketTransport::create(loop, std::move(sock), std::move(protocol), nullptr, waiter);
  }
  const auto begun = co_await settled(std::move(waiter));
  if (!begun.has_value()) {
    transport->close();
    std::rethrow_exception(begun.error());
  }
  co_return transport;
}

Coro<UniqueFd> connect_unix(EventLoop& loop, std::string path) {
  if (path.empty()) throw ValueError("no path and sock were specified");
  co_return co_await connect_one(loop, SocketAddress::unix_path(path), {});
}

}  // namespace evloop
