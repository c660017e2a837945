#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "aio/selector.h"
#include "host/bell.h"

namespace evloopd::host {

// A loop's selector that rings whenever the loop wakes up: who watches the loop may rest as long as it sleeps.
class RingingSelector final : public evloop::Selector {
 public:
  RingingSelector(std::unique_ptr<evloop::Selector> selector, std::shared_ptr<Bell> bell)
      : selector_(std::move(selector)), bell_(std::move(bell)) {}

  void add(int fd, evloop::Interest interest) override { selector_->add(fd, interest); }
  void modify(int fd, evloop::Interest interest) override { selector_->modify(fd, interest); }
  void add_wake_up(int fd) override { selector_->add_wake_up(fd); }
  void remove(int fd) noexcept override { selector_->remove(fd); }
  std::span<const evloop::ReadyFd> select(std::optional<evloop::Duration> timeout) override {
    const auto ready = selector_->select(timeout);
    bell_->ring();
    return ready;
  }

 private:
  const std::unique_ptr<evloop::Selector> selector_;
  const std::shared_ptr<Bell> bell_;
};

}  // namespace evloopd::host
