#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "aio/condition.h"

namespace evloop {

// asyncio.Barrier: tasks wait for each other until a number of them is there, round after round (SYNC-19 to
// SYNC-23). Outlives who waits for it. One loop's thread.
class Barrier {
 public:
  // Throws ValueError if it is less than 1.
  explicit Barrier(std::int64_t parties);
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  // Answers which one of the round this is, from 0. Throws BrokenBarrierError.
  Coro<std::size_t> wait();
  // Those who wait get a BrokenBarrierError; the barrier is as new.
  Coro<void> reset();
  // Those who wait, and those who come, get a BrokenBarrierError, until a reset.
  Coro<void> abort();

  [[nodiscard]] std::size_t parties() const noexcept { return parties_; }
  // Counts only while the round fills.
  [[nodiscard]] std::size_t n_waiting() const noexcept { return state_ == State::filling ? count_ : 0; }
  [[nodiscard]] bool broken() const noexcept { return state_ == State::broken; }

  [[nodiscard]] std::string repr() const;

 private:
  enum class State : std::uint8_t { filling, draining, resetting, broken };

  Coro<void> wait_for_round();
  Coro<void> wait_for_others();
  void leave();

  const std::size_t parties_;
  Condition changed_{nullptr, WaitKind::barrier};
  State state_ = State::filling;
  std::size_t count_ = 0;  // tasks inside
};

}  // namespace evloop
