#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "aio/errors.h"
#include "base/system_error.h"
#include "host/listeners.h"
#include "net/socket.h"
#include "net/socket_address.h"

namespace evloopd::host {
namespace {

using evloop::SocketAddress;
using evloop::UniqueFd;

void share_address(const UniqueFd& fd) { evloop::set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"); }

bool is_any(const SocketAddress& address) { return address.host() == "0.0.0.0" || address.host() == "::"; }

// Without SO_REUSEADDR, by which anybody could take the datagrams of a socket that is in use. One for all addresses of
// the host says with each datagram which of them it was sent to.
UniqueFd open_datagram_socket(const SocketAddress& address) {
  UniqueFd fd(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) evloop::throw_errno("socket");
  const bool is_v6 = address.family() == AF_INET6;
  if (is_v6) evloop::set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  if (is_any(address) && is_v6)
    evloop::set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO");
  else if (is_any(address))
    evloop::set_option(fd.get(), IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO");
  return fd;
}

// Fails if anybody else listens there; the socket shares its address with those that come later.
UniqueFd bind_first(const SocketAddress& address, Listens listens, int backlog) {
  if (listens == Listens::datagrams) {
    auto fd = open_datagram_socket(address);
    evloop::bind_socket(fd.get(), address);
    share_address(fd);
    return fd;
  }
  auto fd = evloop::bind_stream_socket(address);
  if (address.is_inet()) share_address(fd);
  evloop::start_listening(fd.get(), backlog);
  return fd;
}

// One of those that come later.
UniqueFd bind_next(const SocketAddress& address, Listens listens, int backlog) {
  if (listens == Listens::streams)
    return evloop::listen_stream_socket(address, {.backlog = backlog, .reuse_port = true});
  auto fd = open_datagram_socket(address);
  share_address(fd);
  evloop::bind_socket(fd.get(), address);
  return fd;
}

// A socket's file that nobody listens behind any more is in the way.
void remove_stale_file(const SocketAddress& address) {
  struct stat status{};
  const auto path = address.host();
  if (path.starts_with('\0') || ::lstat(path.c_str(), &status) < 0 || !S_ISSOCK(status.st_mode)) return;
  const auto probe = evloop::open_stream_socket(AF_UNIX);
  if (::connect(probe.get(), address.data(), address.length()) < 0 && errno == ECONNREFUSED) ::unlink(path.c_str());
}

std::optional<SocketAddress> parse(const std::string& text) {
  try {
    return SocketAddress::parse(text);
  } catch (const evloop::ValueError&) {
    return std::nullopt;
  }
}

// Of the file of a unix socket; null for other addresses.
const char* path_of(const std::string& address) {
  constexpr std::string_view prefix = "unix:/";
  return address.starts_with(prefix) ? address.c_str() + prefix.size() - 1 : nullptr;
}

std::pair<dev_t, ino_t> identity(const char* path) {
  struct stat status{};
  if (!path || ::lstat(path, &status) < 0) return {};
  return {status.st_dev, status.st_ino};
}

SharedSocket share(UniqueFd fd, const Listeners::Listener& listener) {
  return std::make_shared<const ListeningSocket>(std::move(fd), listener.address, listener.limit);
}

}  // namespace

HostResult<Listeners::Listener> open_listener(const std::string& text, Listens listens, std::size_t count,
                                              int backlog) {
  const auto wanted = parse(text);
  if (!wanted) return std::unexpected(bad_argument("address", address_syntax, text));
  if (listens == Listens::datagrams && !wanted->is_inet())
    return std::unexpected(bad_argument("address", datagram_address_syntax, text));
  try {
    if (wanted->is_unix()) remove_stale_file(*wanted);
    auto first = bind_first(*wanted, listens, backlog);
    const auto bound = SocketAddress::local(first.get());
    Listeners::Listener listener{
        .address = bound.to_string(), .limit = std::make_shared<ListenerLimit>(), .sockets = {}};
    listener.sockets.push_back(share(std::move(first), listener));
    while (bound.is_inet() && listener.sockets.size() < count)
      listener.sockets.push_back(share(bind_next(bound, listens, backlog), listener));
    return listener;
  } catch (const std::system_error& error) {
    return std::unexpected(os_error(error, "cannot listen on " + text));
  }
}

HostResult<void> widen_listener(Listeners::Listener& listener, std::size_t count, int backlog) {
  const auto bound = parse(listener.address);
  if (!bound || !bound->is_inet()) return {};
  try {
    const auto listens = listener.sockets.front()->listens;
    while (listener.sockets.size() < count)
      listener.sockets.push_back(share(bind_next(*bound, listens, backlog), listener));
    return {};
  } catch (const std::system_error& error) {
    return std::unexpected(os_error(error, "cannot listen on " + listener.address));
  }
}

ListeningSocket::ListeningSocket(UniqueFd socket, std::string bound, std::shared_ptr<ListenerLimit> shared_limit)
    : fd(std::move(socket)),
      address(std::move(bound)),
      limit(std::move(shared_limit)),
      listens(evloop::SocketKind::of(fd.get()).type == SOCK_DGRAM ? Listens::datagrams : Listens::streams),
      file_(identity(path_of(address))) {}

ListeningSocket::~ListeningSocket() {
  // Its file would stay, and nobody would be behind it.
  const auto* const path = path_of(address);
  if (path && identity(path) == file_) ::unlink(path);
}

}  // namespace evloopd::host
