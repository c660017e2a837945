#include "base/spare_memory.h"

#include <malloc.h>

namespace evloop {
namespace {

constinit thread_local SpareMemory* first_of_thread = nullptr;

// So much given back that malloc is told to pass it on: it would keep the free pages among what is in use, and as many
// at its end as the program's largest freed block had. It looks through all that is free, so not for less.
constexpr std::size_t worth_trimming = 128 * 1024;

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
  const bool much = kept() >= worth_trimming;
  for (auto* spare = first_of_thread; spare; spare = spare->next_) spare->give_back();
  if (much) ::malloc_trim(0);
}

}  // namespace evloop
