#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "aio/event_loop.h"
#include "net/socket.h"

namespace evloop {

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

// What the socket operations are made of: tries at once, and else each time that `fd` is ready. `attempt` answers
// std::optional, nothing if it would block. See sock.h for the errors.
template <class T, class Attempt>
Coro<T> when_ready(EventLoop& loop, int fd, Interest side, Attempt attempt) {
  if (loop.debug() && !is_non_blocking(fd)) throw ValueError("the socket must be non-blocking");
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

}  // namespace evloop
