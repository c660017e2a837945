#pragma once

#include <array>
#include <cstddef>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EVLOOP_PLAIN_BLOCKS 1
#endif
#endif

namespace evloop {

// The sizes of blocks: those that malloc hands out without waste, 16 n + 8, as 8 bytes of each are its own.
struct BlockSizes {
  static constexpr std::size_t step = 16;
  static constexpr std::size_t own = 8;
  static constexpr std::size_t largest = 4096;
  static constexpr std::size_t class_of(std::size_t size) noexcept { return (size + own - 1) / step; }
  static constexpr std::size_t size_of(std::size_t bin) noexcept { return bin * step + own; }
};

// The free blocks of one thread. Constant-initialised and trivially destructible, so that an access is a plain load
// from the thread's memory.
struct BlockCache : BlockSizes {
  struct Block {
    Block* next;
  };
  // In each thread, of all sizes: what a burst of a hundred thousand callbacks leaves behind.
  static constexpr std::size_t most_kept = 8 * 1024 * 1024;

  static void deallocate(Block* block) noexcept { ::operator delete(block); }

  std::array<Block*, class_of(largest) + 1> lists;
  std::size_t room;  // bytes it may still take: see SpareBlocks
};
extern constinit thread_local BlockCache block_cache;

// The slow ways: of large blocks, of an empty or a full cache.
[[nodiscard]] void* allocate_new_block(std::size_t size);
void free_surplus_block(void* block, std::size_t size) noexcept;

// Memory for the small objects that come and go with every event: coroutine frames, handles, futures.
// Freed blocks wait in lists of the freeing thread, by size, so that a warm loop allocates nothing. A
// block may be freed on another thread than it came from. Large blocks go straight to operator new.
// Under AddressSanitizer every block does, so that a use after free is seen.
[[nodiscard]] inline void* allocate_block(std::size_t size) {
#ifndef EVLOOP_PLAIN_BLOCKS
  if (size <= BlockCache::largest) [[likely]] {
    const auto bin = BlockCache::class_of(size);
    auto& cache = block_cache;
    if (auto* block = cache.lists[bin]) [[likely]] {
      cache.lists[bin] = block->next;
      cache.room += BlockCache::size_of(bin);
      return block;
    }
  }
#endif
  return allocate_new_block(size);
}

inline void free_block(void* block, std::size_t size) noexcept {
#ifndef EVLOOP_PLAIN_BLOCKS
  const auto bin = BlockCache::class_of(size);
  auto& cache = block_cache;
  if (size <= BlockCache::largest && cache.room >= BlockCache::size_of(bin)) [[likely]] {
    cache.room -= BlockCache::size_of(bin);
    cache.lists[bin] = ::new (block) BlockCache::Block{cache.lists[bin]};
    return;
  }
#endif
  free_surplus_block(block, size);
}

// Derive to have objects of a class come from the cache. Needs the complete type's size at deletion: the
// class is final or has a virtual destructor.
struct BlockCached {
  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* block, std::size_t size) noexcept { free_block(block, size); }
};

}  // namespace evloop
