#include "net/resolve.h"

#include <netdb.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>

#include "base/log.h"
#include "base/system_error.h"

namespace evloop {
namespace {

class ResolverCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "getaddrinfo"; }
  [[nodiscard]] std::string message(int code) const override { return ::gai_strerror(code); }
};

void check(int error, const std::string& what) {
  if (error == EAI_SYSTEM) throw_errno(what);
  if (error != 0) throw std::system_error(error, resolver_category(), what);
}

// The two that block: on a thread of the executor.

std::vector<AddressInfo> look_up(const std::string& host, const std::string& service, const AddressHints& hints) {
  addrinfo wanted{};
  wanted.ai_family = hints.family;
  wanted.ai_socktype = hints.type;
  wanted.ai_protocol = hints.proto;
  wanted.ai_flags = hints.flags;
  addrinfo* found = nullptr;
  check(::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.empty() ? nullptr : service.c_str(), &wanted,
                      &found),
        "getaddrinfo '" + host + "', '" + service + "'");
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  std::vector<AddressInfo> all;
  for (const auto* info = found; info; info = info->ai_next)
    all.push_back({.family = info->ai_family,
                   .type = info->ai_socktype,
                   .proto = info->ai_protocol,
                   .canonical_name = info->ai_canonname ? info->ai_canonname : "",
                   .address = SocketAddress(info->ai_addr, info->ai_addrlen)});
  return all;
}

struct TimedLookup {
  std::vector<AddressInfo> found;
  Duration took;
};

TimedLookup look_up_timed(const std::string& host, const std::string& service, const AddressHints& hints) {
  const auto began = steady_clock().now();
  auto found = look_up(host, service, hints);
  return {std::move(found), steady_clock().now() - began};
}

std::string describe(const std::string& host, const std::string& service, const TimedLookup& lookup) {
  std::array<char, 32> took{};
  std::snprintf(took.data(), took.size(), "%.3f", std::chrono::duration<double, std::milli>(lookup.took).count());
  auto text = "Getting address info " + host + ":" + service + " took " + took.data() + "ms:";
  for (const auto& info : lookup.found) text += " " + info.address.to_string();
  return text;
}

NameInfo look_up_names(const SocketAddress& address, int flags) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  check(
      ::getnameinfo(address.data(), address.length(), host.data(), host.size(), service.data(), service.size(), flags),
      "getnameinfo " + address.to_string());
  return {.host = host.data(), .service = service.data()};
}

}  // namespace

std::optional<std::uint16_t> Port::number() const noexcept {
  if (text_.empty()) return 0;
  std::uint16_t number = 0;
  const auto* const last = text_.data() + text_.size();
  const auto [end, error] = std::from_chars(text_.data(), last, number);
  return error == std::errc() && end == last ? std::optional(number) : std::nullopt;
}

void Port::throw_out_of_range(const std::string& number) { throw ValueError("port must be 0-65535, not " + number); }

const std::error_category& resolver_category() noexcept {
  static const ResolverCategory category;
  return category;
}

Coro<std::vector<AddressInfo>> getaddrinfo(EventLoop& loop, std::string host, Port port, AddressHints hints) {
  if (loop.debug()) [[unlikely]] {
    auto lookup =
        co_await loop.run_in_executor(nullptr, [host, port, hints] { return look_up_timed(host, port.text(), hints); });
    const bool slow = lookup.took >= loop.slow_callback_duration();
    log(slow ? LogLevel::info : LogLevel::debug, describe(host, port.text(), lookup));
    co_return std::move(lookup.found);
  }
  co_return co_await loop.run_in_executor(
      nullptr, [host = std::move(host), port = std::move(port), hints] { return look_up(host, port.text(), hints); });
}

Coro<NameInfo> getnameinfo(EventLoop& loop, SocketAddress address, int flags) {
  co_return co_await loop.run_in_executor(nullptr, [address, flags] { return look_up_names(address, flags); });
}

Coro<std::vector<SocketAddress>> resolve(EventLoop& loop, std::string host, Port port, AddressHints hints,
                                         Resolver* resolver) {
  if (const auto number = port.number(); number && SocketAddress::is_ip(host)) {
    const auto address = SocketAddress::ip(host, *number);
    if (hints.family == AF_UNSPEC || hints.family == address.family()) co_return {address};
  }
  auto found = resolver ? resolver->getaddrinfo(loop, std::move(host), std::move(port), hints)
                        : getaddrinfo(loop, std::move(host), std::move(port), hints);
  std::vector<SocketAddress> addresses;
  for (const auto& info : co_await std::move(found)) addresses.push_back(info.address);
  co_return addresses;
}

}  // namespace evloop
