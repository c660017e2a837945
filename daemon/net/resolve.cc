#include "net/resolve.h"

#include <netdb.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <system_error>

#include "base/system_error.h"

namespace evloop {
namespace {

// The error codes of getaddrinfo().
class ResolverCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "getaddrinfo"; }
  [[nodiscard]] std::string message(int code) const override { return ::gai_strerror(code); }
};

std::vector<SocketAddress> look_up(const std::string& host, const std::string& service, int family, int flags) {
  static const ResolverCategory category;
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.empty() ? nullptr : service.c_str(), &hints, &found);
  const std::string what = "getaddrinfo '" + host + "', '" + service + "'";
  if (error == EAI_SYSTEM) throw_errno(what);
  if (error != 0) throw std::system_error(error, category, what);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const auto* info = found; info; info = info->ai_next) addresses.emplace_back(info->ai_addr, info->ai_addrlen);
  return addresses;
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

Coro<std::vector<SocketAddress>> resolve(EventLoop& loop, std::string host, Port port, int family, int flags) {
  if (const auto number = port.number(); number && SocketAddress::is_ip(host)) {
    const auto address = SocketAddress::ip(host, *number);
    if (family == AF_UNSPEC || family == address.family()) co_return {address};
  }
  co_return co_await loop.run_in_executor(nullptr, [host = std::move(host), port = std::move(port), family, flags] {
    return look_up(host, port.text(), family, flags);
  });
}

}  // namespace evloop
