#pragma once

#include <cstddef>
#include <memory>

#include "aio/runnable.h"

namespace evloop {

// What waits for its turn, first in, first out. A ring that doubles when full and never shrinks, so
// that a warm loop allocates nothing. Loop thread only.
class ReadyQueue {
 public:
  void push(Runnable* work) {
    if (size_ == capacity_) [[unlikely]]
      return push_growing(work);
    ring_[(first_ + size_) & (capacity_ - 1)] = work;
    ++size_;
  }

  // The queue must not be empty. What comes a few turns later is fetched into the cache meanwhile: a thousand timers
  // or tasks that are due together lie all over the memory.
  [[nodiscard]] Runnable* pop() noexcept {
    auto* work = ring_[first_];
    __builtin_prefetch(ring_[(first_ + prefetch_distance) & (capacity_ - 1)]);
    first_ = (first_ + 1) & (capacity_ - 1);
    --size_;
    return work;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  static constexpr std::size_t prefetch_distance = 4;

  void push_growing(Runnable* work);

  std::unique_ptr<Runnable*[]> ring_;
  std::size_t capacity_ = 0;  // a power of two, or 0
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace evloop
