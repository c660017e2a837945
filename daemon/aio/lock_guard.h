#pragma once

#include <exception>
#include <utility>

#include "aio/event_loop.h"
#include "base/log.h"

namespace evloop {

// Holds a Lock, Condition or Semaphore, and releases it when it goes: what `co_await x.scoped()` answers.
// What it holds outlives it. Loop thread only.
template <class Lockable>
class [[nodiscard]] LockGuard {
 public:
  explicit LockGuard(Lockable& held) noexcept : held_(&held) {}  // acquired already
  LockGuard(LockGuard&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  LockGuard& operator=(LockGuard&& other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~LockGuard() {
    try {
      release();
    } catch (const std::exception& error) {
      // Released behind the guard's back. A frame that is unwound with its loop says nothing.
      if (running_loop_or_null()) log(LogLevel::warning, error.what());
    }
  }

  // Earlier than at the end; once. Throws what release() throws.
  void release() {
    if (auto* held = std::exchange(held_, nullptr)) held->release();
  }

 private:
  Lockable* held_;
};

}  // namespace evloop
