#include "base/block_cache.h"

#include <algorithm>

#include "base/spare_memory.h"

namespace evloop {

constinit thread_local BlockCache block_cache{};

void* allocate_new_block(std::size_t size) {
  if (size > BlockCache::largest) return ::operator new(size);
  return ::operator new(BlockCache::size_of(BlockCache::class_of(std::max<std::size_t>(size, 1))));
}

void free_surplus_block(void* block, std::size_t size) noexcept {
#ifndef EVLOOP_PLAIN_BLOCKS
  if (size <= BlockCache::largest && SpareBlocks<BlockCache>::begin(block_cache)) return free_block(block, size);
#endif
  static_cast<void>(size);
  ::operator delete(block);
}

}  // namespace evloop
