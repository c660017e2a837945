#include "host/bell.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "base/system_error.h"

namespace evloopd::host {

Bell::Bell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) evloop::throw_errno("eventfd");
}

void Bell::wake() noexcept {
  resting_.store(false, std::memory_order_relaxed);
  ::eventfd_write(fd_.get(), 1);
}

void Bell::rest(Nanos longest) noexcept {
  resting_.store(true, std::memory_order_relaxed);
  pause(longest);
  resting_.store(false, std::memory_order_relaxed);
}

void Bell::pause(Nanos longest) noexcept {
  pollfd poll{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  const timespec time{.tv_sec = longest / std::chrono::seconds(1),
                      .tv_nsec = (longest % std::chrono::seconds(1)).count()};
  if (::ppoll(&poll, 1, &time, nullptr) != 1) return;
  eventfd_t count = 0;
  ::eventfd_read(fd_.get(), &count);
}

}  // namespace evloopd::host
