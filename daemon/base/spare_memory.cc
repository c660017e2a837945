#include "base/spare_memory.h"

#include <malloc.h>

namespace evloop {
namespace {

constinit thread_local SpareMemory* first_of_thread = nullptr;

}  // namespace

SpareMemory::SpareMemory() noexcept : next_(std::exchange(first_of_thread, this)) {}

SpareMemory::~SpareMemory() {
  auto** link = &first_of_thread;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
}

std::size_t SpareMemory::kept() noexcept {
  std::size_t bytes = 0;
  for (const auto* spare = first_of_thread; spare; spare = spare->next_) bytes += spare->size();
  return bytes;
}

void SpareMemory::give_back_all() noexcept {
  for (auto* spare = first_of_thread; spare; spare = spare->next_) spare->give_back();
  // It would keep the free pages among what is in use, and at its end as many as the largest freed block had.
  ::malloc_trim(0);
}

}  // namespace evloop
