#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <unordered_map>

#include "bench/echo/servers.h"

namespace evloop::bench {

// Level-triggered, one receive and one send per event, one buffer. What the kernel does not take at once waits.
void serve_raw() {
  // See copy_alignment.h: what all are measured against must not be slow by chance.
  alignas(64) static std::array<char, 64 * 1024> buffer;
  const int listener = listen_anywhere();
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::unordered_map<int, std::string> unsent;
  const auto watch = [epoll](int operation, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(epoll, operation, fd, &event);
  };
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  std::array<epoll_event, 1024> events;
  for (;;) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      const int fd = event.data.fd;
      if (fd == listener) {
        for (int accepted; (accepted = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
          const int on = 1;
          ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          watch(EPOLL_CTL_ADD, accepted, EPOLLIN);
        }
        continue;
      }
      if (event.events & EPOLLOUT) {
        auto& rest = unsent[fd];
        const auto sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent > 0) rest.erase(0, static_cast<std::size_t>(sent));
        if (rest.empty()) watch(EPOLL_CTL_MOD, fd, EPOLLIN);
        continue;
      }
      const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        if (got < 0 && errno == EAGAIN) continue;
        ::close(fd);
        unsent.erase(fd);
        continue;
      }
      const auto sent = ::send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
      if (sent < got) {
        const auto taken = static_cast<std::size_t>(sent < 0 ? 0 : sent);
        unsent[fd].append(buffer.data() + taken, static_cast<std::size_t>(got) - taken);
        watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
      }
    }
  }
}

}  // namespace evloop::bench
