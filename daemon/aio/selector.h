#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/clock.h"

namespace evloop {

// For what an fd is watched, and for what it is ready. A set of bits.
enum class Interest : std::uint8_t { none = 0, read = 1, write = 2, read_write = 3 };
[[nodiscard]] constexpr Interest operator|(Interest a, Interest b) noexcept {
  return static_cast<Interest>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
[[nodiscard]] constexpr Interest operator&(Interest a, Interest b) noexcept {
  return static_cast<Interest>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
[[nodiscard]] constexpr Interest operator-(Interest a, Interest b) noexcept {
  return static_cast<Interest>(static_cast<unsigned>(a) & ~static_cast<unsigned>(b));
}

struct ReadyFd {
  int fd;
  Interest ready;
};

// Waits for file descriptors, level-triggered. Owned by one loop and used on its thread only. Never
// owns the watched fds. Never allocates in select().
class Selector {
 public:
  virtual ~Selector() = default;

  // Starts watching `fd`, which the caller keeps and must remove() before closing it. An fd whose number
  // was closed and given out again while watched is registered anew (FD-07).
  // Throws std::system_error: EBADF, EPERM for a regular file.
  virtual void add(int fd, Interest interest) = 0;
  virtual void modify(int fd, Interest interest) = 0;
  // Watches an eventfd that is only ever written to: each write ends one select(), and nobody has to read it.
  // It is never reported.
  virtual void add_wake_up(int fd) = 0;
  // Of an fd that is not watched, or closed already: does nothing (FD-07).
  virtual void remove(int fd) noexcept = 0;

  // Sleeps until something is ready or `timeout` passes (nullopt: no limit), rounded up to what the
  // system call can express (LIFE-07). An interrupted wait answers nothing (LIFE-13). Every ready fd is
  // reported, once, with errors and hang-ups as both readable and writable as far as watched (LIFE-14,
  // LIFE-15). The span is valid until the next call. Throws std::system_error.
  virtual std::span<const ReadyFd> select(std::optional<Duration> timeout) = 0;
};

[[nodiscard]] std::unique_ptr<Selector> make_epoll_selector();
[[nodiscard]] std::unique_ptr<Selector> make_poll_selector();

}  // namespace evloop
