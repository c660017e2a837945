#include "control/acceptor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/system_error.h"

namespace evloopd::control {

Acceptor::Acceptor(int listener, Accepted accepted)
    : listener_(listener), accepted_(std::move(accepted)), stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!stop_) evloop::throw_errno("eventfd");
  thread_ = std::thread([this] { run(); });
}

Acceptor::~Acceptor() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

void Acceptor::run() {
  std::array<pollfd, 2> watched{
      {{.fd = listener_, .events = POLLIN, .revents = 0}, {.fd = stop_.get(), .events = POLLIN, .revents = 0}}};
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;  // EINTR
    if (watched[1].revents != 0) return;
    accept_one();
  }
}

void Acceptor::accept_one() {
  evloop::UniqueFd connection(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause(errno);
    return;  // anything else is over with: the caller has gone again, a signal came
  }
  was_starved_ = false;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return;
  accepted_(std::move(connection), {.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid});
}

// The connection stays in the queue and the listener readable: without a pause this thread would spin.
void Acceptor::pause(int error) {
  if (!was_starved_)
    evloop::log(evloop::LogLevel::warning, "cannot accept control connections, trying again each second: " +
                                               std::generic_category().message(error));
  was_starved_ = true;
  pollfd stop{.fd = stop_.get(), .events = POLLIN, .revents = 0};
  ::poll(&stop, 1, 1000);
}

}  // namespace evloopd::control
