#include "net/acceptor.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/system_error.h"
#include "net/os_error.h"
#include "net/socket_address.h"

namespace evloop {

Acceptor::Acceptor(EventLoop& loop, int fd, int backlog, OnConnection on_connection, Gate* gate)
    : loop_(loop), fd_(fd), backlog_(backlog), on_connection_(std::move(on_connection)), gate_(gate) {}

void Acceptor::start() {
  if (started_) return;
  watch();
  started_ = true;
}

void Acceptor::stop() noexcept {
  if (!std::exchange(started_, false)) return;
  if (!std::exchange(suspended_, false)) unwatch();
}

void Acceptor::suspend() noexcept {
  if (!started_ || std::exchange(suspended_, true)) return;
  unwatch();
}

void Acceptor::resume() {
  if (!suspended_) return;
  watch();
  suspended_ = false;
}

void Acceptor::watch() {
  loop_.add_reader(fd_, [this] { accept_ready(); });
}

void Acceptor::unwatch() noexcept {
  if (retry_) {
    retry_.cancel();
    retry_ = {};
  } else {
    loop_.unwatch(fd_, Interest::read);
  }
}

void Acceptor::accept_ready() {
  for (int left = backlog_ + 1; left > 0 && started_ && !suspended_; --left) {
    if (gate_ && !gate_->opens()) return;
    UniqueFd connection(::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      on_connection_(std::move(connection));
      continue;
    }
    const int error = errno;
    if (gate_) gate_->nobody_came();
    switch (error) {
      case ECONNABORTED:  // gone before it was accepted (SRV-10)
        continue;
      case EAGAIN:
      case EINTR: return;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM: return pause(error);
      default: throw_errno("accept on " + SocketAddress::local(fd_).to_string(), error);
    }
  }
}

// The socket would stay readable: it is left alone for a while, and its clients wait in the kernel's queue. One report
// and one timer, where asyncio has one of each per attempt (SRV-12).
void Acceptor::pause(int error) {
  loop_.unwatch(fd_, Interest::read);
  retry_ = loop_.call_later(retry_delay, [this] {
    retry_ = {};
    watch();
  });
  ErrorContext context{.message = "socket.accept() out of system resource",
                       .exception = make_os_error("accept", error)};
  context.more["socket"] = SocketAddress::local(fd_).to_string();
  loop_.call_exception_handler(context);
}

}  // namespace evloop
