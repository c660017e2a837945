#pragma once

#include <map>
#include <memory>
#include <vector>

#include "aio/selector.h"

namespace evloop::contract {

class Run;

// Replaces waiting by moving the clock. select() asks the real selector without waiting; only if nothing is ready and
// the loop is willing to wait, it lets one entry of the gate run, or else moves the clock by the timeout, or else (no
// timeout, nothing outstanding) reports the deadlock and stops the loop.
class VirtualTimeSelector final : public Selector {
 public:
  VirtualTimeSelector(Run& run, std::unique_ptr<Selector> real) : run_(run), inner_(std::move(real)) {}

  void add(int fd, Interest interest) override { inner_->add(fd, interest); }
  void modify(int fd, Interest interest) override { inner_->modify(fd, interest); }
  void add_wake_up(int fd) override { inner_->add_wake_up(fd); }
  void remove(int fd) noexcept override { inner_->remove(fd); }
  std::span<const ReadyFd> select(std::optional<Duration> timeout) override;

 private:
  std::span<const ReadyFd> poll();

  Run& run_;
  const std::unique_ptr<Selector> inner_;
  std::vector<ReadyFd> ready_;
};

}  // namespace evloop::contract
