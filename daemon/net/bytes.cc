#include "net/bytes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>

#include "base/block_cache.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EVLOOP_PLAIN_BLOCKS 1
#endif
#endif

namespace evloop {
namespace {

constexpr std::size_t smallest = 64;         // capacities are powers of two from here
constexpr std::size_t largest_small = 4096;  // so much with its header still comes from the block cache

#ifdef EVLOOP_PLAIN_BLOCKS

void* allocate_large(std::size_t size, std::size_t) { return ::operator new(size); }
void free_large(void* block, std::size_t, std::size_t) noexcept { ::operator delete(block); }

#else

constexpr std::size_t largest_kept = 512 * 1024;
// Of all sizes, for each thread. Bulk data goes through a few blocks of 64 to 128 KiB for each connection that is
// active in a turn: memory given back to the system and taken anew for each would cost more than to receive and to
// send.
constexpr std::size_t most_kept = 4 * 1024 * 1024;

struct Free {
  Free* next;
};
// Trivially destructible, so that a late free of another thread-local's destructor finds it.
constinit thread_local bool closed = false;
struct Spares {
  std::array<Free*, std::countr_zero(largest_kept) + 1> lists{};  // by capacity
  std::size_t bytes = 0;
  ~Spares() {
    closed = true;
    for (auto*& first : lists)
      while (first) ::operator delete(std::exchange(first, first->next));
  }
};
thread_local Spares spares;

void* allocate_large(std::size_t size, std::size_t capacity) {
  if (capacity > largest_kept || closed) return ::operator new(size);
  auto*& first = spares.lists[static_cast<std::size_t>(std::countr_zero(capacity))];
  if (!first) return ::operator new(size);
  spares.bytes -= size;
  return std::exchange(first, first->next);
}

void free_large(void* memory, std::size_t size, std::size_t capacity) noexcept {
  if (capacity > largest_kept || closed || spares.bytes + size > most_kept) return ::operator delete(memory);
  auto*& first = spares.lists[static_cast<std::size_t>(std::countr_zero(capacity))];
  first = ::new (memory) Free{first};
  spares.bytes += size;
}

#endif

}  // namespace

void Bytes::append(std::span<const std::byte> content) {
  if (content.empty()) return;
  make_room(content.size());
  std::memcpy(storage() + block_->end, content.data(), content.size());
  block_->end += content.size();
}

void Bytes::make_room(std::size_t count) {
  const auto kept = size();
  if (block_) {
    if (block_->capacity - block_->end >= count) return;
    // Moving at most as much as was consumed keeps appending linear.
    if (block_->capacity - kept >= count && kept <= block_->begin) {
      std::memmove(storage(), data(), kept);
      block_->begin = 0;
      block_->end = kept;
      return;
    }
  }
  if (count > static_cast<std::size_t>(-1) / 4 - kept) throw std::bad_alloc();
  const auto capacity = std::bit_ceil(std::max(smallest, kept + count));
  const auto total = sizeof(Block) + capacity;
  void* const memory = total <= largest_small ? allocate_block(total) : allocate_large(total, capacity);
  auto* block = ::new (memory) Block{capacity, 0, kept};
  if (kept > 0) std::memcpy(block + 1, data(), kept);
  if (block_) free();
  block_ = block;
}

void Bytes::consume(std::size_t count) noexcept {
  if (count == 0) return;
  if (count >= size()) return clear();
  block_->begin += count;
}

Bytes Bytes::take(std::size_t count) {
  if (count >= size()) return std::move(*this);
  Bytes front(std::span(data(), count));
  consume(count);
  return front;
}

void Bytes::free() noexcept {
  auto* block = std::exchange(block_, nullptr);
  const auto capacity = block->capacity;
  const auto total = sizeof(Block) + capacity;
  if (total <= largest_small) {
    free_block(block, total);
  } else {
    free_large(block, total, capacity);
  }
}

}  // namespace evloop
