#include "net/sock.h"

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "base/system_error.h"
#include "net/os_error.h"
#include "net/socket.h"

namespace evloop {
namespace {

// A future that is completed by watching an fd. However it ends, the watch ends with it at once (SOCK-04), unless
// somebody else has replaced it.
template <class T>
class ReadinessFuture final : public FutureState<T> {
 public:
  ReadinessFuture(EventLoop& loop, int fd, Interest side) : FutureState<T>(loop), fd_(fd), side_(side) {
    this->set_wait_kind(WaitKind::fd);
  }
  ~ReadinessFuture() override { stop(); }

  // Completes it with what `attempt` answers, once it answers anything. `attempt` outlives the wait.
  template <class Attempt>
  void start(Attempt& attempt) {
    const auto ready = [this, &attempt] {
      try {
        if (auto value = attempt()) {
          stop();
          this->finish_with_value(std::move(*value));
        }
      } catch (const Fatal&) {
        throw;
      } catch (...) {
        stop();
        this->set_exception(std::current_exception());
      }
    };
    auto& loop = this->loop();
    handle_ = side_ == Interest::read ? loop.add_reader(fd_, ready) : loop.add_writer(fd_, ready);
  }

  bool cancel(std::optional<std::string> message) override {
    stop();
    return FutureState<T>::cancel(std::move(message));
  }

 private:
  void stop() noexcept {
    if (handle_ && !handle_.cancelled()) this->loop().unwatch(fd_, side_);
    handle_ = {};
  }

  const int fd_;
  const Interest side_;
  Handle handle_;
};

// `attempt` answers std::optional: nothing if it would block.
template <class T, class Attempt>
Coro<T> when_ready(EventLoop& loop, int fd, Interest side, Attempt attempt) {
  if (auto value = attempt()) {
    if constexpr (std::is_void_v<T>)
      co_return;
    else
      co_return std::move(*value);
  }
  if (loop.is_watched(fd, side))
    throw LoopError("File descriptor " + std::to_string(fd) + " is already being waited for by another " +
                    (side == Interest::read ? "reader" : "writer"));
  const Ref<ReadinessFuture<T>> future(new ReadinessFuture<T>(loop, fd, side));
  future->start(attempt);
  co_return co_await Future<T>(future);
}

bool would_block() noexcept { return errno == EAGAIN || errno == EINTR; }

std::optional<std::size_t> receive(int fd, std::span<std::byte> buffer) {
  const auto count = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (count >= 0) return static_cast<std::size_t>(count);
  if (would_block()) return std::nullopt;
  throw_errno("recv");
}

}  // namespace

Coro<Bytes> sock_recv(EventLoop& loop, int fd, std::size_t most) {
  return when_ready<Bytes>(loop, fd, Interest::read, [&loop, fd, most]() -> std::optional<Bytes> {
    const auto buffer = loop.receive_buffer();
    if (most <= buffer.size()) {
      const auto count = receive(fd, buffer.first(most));
      return count ? std::optional(Bytes(buffer.first(*count))) : std::nullopt;
    }
    std::vector<std::byte> large(most);
    const auto count = receive(fd, large);
    return count ? std::optional(Bytes(std::span(large).first(*count))) : std::nullopt;
  });
}

Coro<std::size_t> sock_recv_into(EventLoop& loop, int fd, std::span<std::byte> buffer) {
  return when_ready<std::size_t>(loop, fd, Interest::read, [fd, buffer] { return receive(fd, buffer); });
}

Coro<void> sock_sendall(EventLoop& loop, int fd, std::span<const std::byte> data) {
  return when_ready<void>(loop, fd, Interest::write, [fd, data]() mutable -> std::optional<Unit> {
    const auto sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0 && !would_block()) throw_errno("send");
    if (sent > 0) data = data.subspan(static_cast<std::size_t>(sent));
    return data.empty() ? std::optional(Unit{}) : std::nullopt;
  });
}

Coro<void> sock_connect(EventLoop& loop, int fd, SocketAddress address) {
  bool in_progress = false;
  return when_ready<void>(loop, fd, Interest::write, [=]() mutable -> std::optional<Unit> {
    int error = 0;
    if (!std::exchange(in_progress, true)) {
      if (::connect(fd, address.data(), address.length()) == 0) return Unit{};
      if (errno == EINPROGRESS || errno == EINTR) return std::nullopt;
      error = errno;
    } else {
      error = take_socket_error(fd);
    }
    if (error == 0) return Unit{};
    throw OsError(error, "Connect call failed " + address.to_string() + ": " + error_text(error));
  });
}

Coro<AcceptedSocket> sock_accept(EventLoop& loop, int fd) {
  return when_ready<AcceptedSocket>(loop, fd, Interest::read, [fd]() -> std::optional<AcceptedSocket> {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    auto* const name = reinterpret_cast<sockaddr*>(&address);
    UniqueFd connection(::accept4(fd, name, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) return AcceptedSocket{std::move(connection), SocketAddress(name, length)};
    if (would_block()) return std::nullopt;
    throw_errno("accept");
  });
}

}  // namespace evloop
