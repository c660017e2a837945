#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "aio/errors.h"
#include "host/listeners.h"
#include "net/socket.h"
#include "net/socket_address.h"

namespace evloopd::host {
namespace {

using evloop::SocketAddress;
using evloop::UniqueFd;

// Fails if anybody else listens there; the socket shares its address with those that come later.
UniqueFd bind_first(const SocketAddress& address, int backlog) {
  auto fd = evloop::bind_stream_socket(address);
  if (address.is_inet()) evloop::set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
  evloop::start_listening(fd.get(), backlog);
  return fd;
}

// A socket's file that nobody listens behind any more is in the way.
void remove_stale_file(const SocketAddress& address) {
  struct stat status {};
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
  struct stat status {};
  if (!path || ::lstat(path, &status) < 0) return {};
  return {status.st_dev, status.st_ino};
}

SharedSocket share(UniqueFd fd, const Listeners::Listener& listener) {
  return std::make_shared<const ListeningSocket>(std::move(fd), listener.address, listener.limit);
}

}  // namespace

HostResult<Listeners::Listener> open_listener(const std::string& text, std::size_t count, int backlog) {
  const auto wanted = parse(text);
  if (!wanted) return std::unexpected(bad_argument("address", address_syntax, text));
  try {
    if (wanted->is_unix()) remove_stale_file(*wanted);
    auto first = bind_first(*wanted, backlog);
    const auto bound = SocketAddress::local(first.get());
    Listeners::Listener listener{
        .address = bound.to_string(), .limit = std::make_shared<ListenerLimit>(), .sockets = {}};
    listener.sockets.push_back(share(std::move(first), listener));
    while (bound.is_inet() && listener.sockets.size() < count)
      listener.sockets.push_back(
          share(evloop::listen_stream_socket(bound, {.backlog = backlog, .reuse_port = true}), listener));
    return listener;
  } catch (const std::system_error& error) {
    return std::unexpected(os_error(error, "cannot listen on " + text));
  }
}

HostResult<void> widen_listener(Listeners::Listener& listener, std::size_t count, int backlog) {
  const auto bound = parse(listener.address);
  if (!bound || !bound->is_inet()) return {};
  try {
    while (listener.sockets.size() < count)
      listener.sockets.push_back(
          share(evloop::listen_stream_socket(*bound, {.backlog = backlog, .reuse_port = true}), listener));
    return {};
  } catch (const std::system_error& error) {
    return std::unexpected(os_error(error, "cannot listen on " + listener.address));
  }
}

ListeningSocket::ListeningSocket(UniqueFd socket, std::string bound, std::shared_ptr<ListenerLimit> shared_limit)
    : fd(std::move(socket)),
      address(std::move(bound)),
      limit(std::move(shared_limit)),
      file_(identity(path_of(address))) {}

ListeningSocket::~ListeningSocket() {
  // Its file would stay, and nobody would be behind it.
  const auto* const path = path_of(address);
  if (path && identity(path) == file_) ::unlink(path);
}

}  // namespace evloopd::host
