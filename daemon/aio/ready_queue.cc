#include "aio/ready_queue.h"

namespace evloop {

void ReadyQueue::push_growing(Runnable* work) {
  const auto capacity = capacity_ == 0 ? std::size_t{64} : capacity_ * 2;
  auto ring = std::make_unique<Runnable*[]>(capacity);
  for (std::size_t i = 0; i < size_; ++i) ring[i] = ring_[(first_ + i) & (capacity_ - 1)];
  ring_ = std::move(ring);
  capacity_ = capacity;
  first_ = 0;
  push(work);
}

}  // namespace evloop
