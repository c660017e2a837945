#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <new>

#include "base/copy_alignment.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EVLOOP_PLAIN_BLOCKS 1
#endif
#endif

namespace evloop {

// The storage of Bytes: 2^n bytes, behind what this says of them. Aligned for the kernel's copies: see copy_alignment.
struct alignas(copy_alignment) ByteBlock {
  std::size_t capacity;
  std::size_t begin = 0;
  std::size_t end = 0;

  [[nodiscard]] std::byte* storage() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
  [[nodiscard]] std::size_t size() const noexcept { return end - begin; }
  [[nodiscard]] std::size_t room() const noexcept { return capacity - end; }
};

// The spare blocks of one thread, by size. Bulk data goes through a few blocks of 64 to 128 KiB for each connection
// that is active in a turn, small messages through one block each: memory given back to the system and taken anew for
// each would cost more than to receive and to send. Constant-initialised and trivially destructible, so that an access
// is a plain load, and a late free of another thread-local's destructor finds it.
struct SpareByteBlocks {
  struct Free {
    Free* next;
  };
  static constexpr std::size_t smallest = 64;
  static constexpr std::size_t largest = 512 * 1024;
  // Of all sizes, for each thread.
  static constexpr std::size_t most_kept = 4 * 1024 * 1024;

  static void deallocate(Free* block) noexcept { ::operator delete(block, std::align_val_t{alignof(ByteBlock)}); }

  std::array<Free*, std::countr_zero(largest) + 1> lists;  // by the capacity's exponent
  std::size_t room;                                        // bytes it may still take: see SpareBlocks
};
extern constinit thread_local SpareByteBlocks spare_byte_blocks;

// The slow ways: of large blocks, of none to spare, of too many.
[[nodiscard]] ByteBlock* allocate_byte_block(std::size_t least);
void free_surplus_byte_block(ByteBlock* block) noexcept;

// An empty one with room for 2^exponent bytes, of those sizes that are kept. Throws std::bad_alloc.
[[nodiscard]] inline ByteBlock* new_byte_block_of(unsigned exponent) {
  const auto capacity = std::size_t{1} << exponent;
#ifndef EVLOOP_PLAIN_BLOCKS
  auto& spare = spare_byte_blocks;
  if (auto* const memory = spare.lists[exponent]) [[likely]] {
    spare.lists[exponent] = memory->next;
    spare.room += capacity;
    return ::new (static_cast<void*>(memory)) ByteBlock{capacity};
  }
#endif
  return allocate_byte_block(capacity);
}
// ... for at least `least` bytes, of one or more.
[[nodiscard]] inline ByteBlock* new_byte_block(std::size_t least) {
  if (least <= SpareByteBlocks::largest) [[likely]]
    return new_byte_block_of(static_cast<unsigned>(std::bit_width((least - 1) | (SpareByteBlocks::smallest - 1))));
  return allocate_byte_block(least);
}

inline void free_byte_block(ByteBlock* block) noexcept {
#ifndef EVLOOP_PLAIN_BLOCKS
  const auto capacity = block->capacity;
  auto& spare = spare_byte_blocks;
  if (capacity <= SpareByteBlocks::largest && spare.room >= capacity) [[likely]] {
    spare.room -= capacity;
    [[assume(capacity > 0)]];
    auto*& first = spare.lists[static_cast<std::size_t>(std::countr_zero(capacity))];
    first = ::new (static_cast<void*>(block)) SpareByteBlocks::Free{first};
    return;
  }
#endif
  free_surplus_byte_block(block);
}

}  // namespace evloop
