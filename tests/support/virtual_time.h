#pragma once

#include <unistd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

#include "aio/selector.h"
#include "base/clock.h"

namespace evloop {

// A selector that never sleeps: when nothing is ready it moves the clock by what the loop would have slept. A
// sleep without end throws, instead of hanging the test. `clock` is the loop's, and outlives this.
class VirtualTime final : public Selector {
 public:
  explicit VirtualTime(VirtualClock& clock, std::unique_ptr<Selector> selector = make_epoll_selector())
      : clock_(clock), selector_(std::move(selector)) {}

  void add(int fd, Interest interest) override { selector_->add(fd, interest); }
  void modify(int fd, Interest interest) override { selector_->modify(fd, interest); }
  void add_wake_up(int fd) override { wake_up_ = fd; }
  void remove(int fd) noexcept override { selector_->remove(fd); }

  std::span<const ReadyFd> select(std::optional<Duration> timeout) override {
    const auto ready = selector_->select(Duration::zero());
    if (!ready.empty() || woken_up() || (timeout && *timeout <= Duration::zero())) return ready;
    if (!timeout) throw std::logic_error("nothing will ever happen");
    clock_.advance(*timeout);
    return {};
  }

 private:
  [[nodiscard]] bool woken_up() const {
    std::uint64_t times = 0;
    return ::read(wake_up_, &times, sizeof times) > 0;
  }

  VirtualClock& clock_;
  int wake_up_ = -1;
  const std::unique_ptr<Selector> selector_;
};

}  // namespace evloop
