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

constexpr std::size_t smallest = 64;
constexpr std::size_t largest_small = 4096;  // up to here from the block cache

#ifdef EVLOOP_PLAIN_BLOCKS

void* allocate_large(std::size_t size) { return ::operator new(size); }
void free_large(void* block, std::size_t) noexcept { ::operator delete(block); }

#else

constexpr std::size_t largest_kept = 512 * 1024;
constexpr std::size_t kept_bytes = 1024 * 1024;  // per size and thread

struct Free {
  Free* next;
};
struct Bin {
  Free* first = nullptr;
  std::size_t bytes = 0;
};
// Trivially destructible, so that a late free of another thread-local's destructor finds it.
constinit thread_local bool closed = false;
struct Spares {
  std::array<Bin, std::countr_zero(largest_kept) + 1> bins;
  ~Spares() {
    closed = true;
    for (auto& bin : bins)
      while (bin.first) ::operator delete(std::exchange(bin.first, bin.first->next));
  }
};
thread_local Spares spares;

// Sizes are powers of two.
void* allocate_large(std::size_t size) {
  if (size > largest_kept || closed) return ::operator new(size);
  auto& bin = spares.bins[static_cast<std::size_t>(std::countr_zero(size))];
  if (!bin.first) return ::operator new(size);
  bin.bytes -= size;
  return std::exchange(bin.first, bin.first->next);
}

void free_large(void* memory, std::size_t size) noexcept {
  if (size > largest_kept || closed) return ::operator delete(memory);
  auto& bin = spares.bins[static_cast<std::size_t>(std::countr_zero(size))];
  if (bin.bytes + size > kept_bytes) return ::operator delete(memory);
  bin.first = ::new (memory) Free{bin.first};
  bin.bytes += size;
}

#endif

void* allocate(std::size_t size) { return size <= largest_small ? allocate_block(size) : allocate_large(size); }
void give_back(void* block, std::size_t size) noexcept {
  if (size <= largest_small) {
    free_block(block, size);
  } else {
    free_large(block, size);
  }
}

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
  const auto total = std::bit_ceil(std::max(smallest, sizeof(Block) + kept + count));
  auto* block = ::new (allocate(total)) Block{total - sizeof(Block), 0, kept};
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
  give_back(block, sizeof(Block) + block->capacity);
}

}  // namespace evloop
