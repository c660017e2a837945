#include "base/block_cache.h"

#include <algorithm>
#include <utility>

namespace evloop {

constinit thread_local BlockCache block_cache{};

namespace {

enum class Use : unsigned char { not_yet, open, over };
constinit thread_local Use use = Use::not_yet;

// Late frees, by destructors of other thread-locals, find a full cache and go straight to operator delete.
struct ReleaseAtExit {
  ~ReleaseAtExit() {
    use = Use::over;
    block_cache.room = 0;
    for (auto& bin : block_cache.bins)
      while (bin) ::operator delete(std::exchange(bin, bin->next));
  }
  void touch() noexcept {}
};
thread_local ReleaseAtExit release_at_exit;

}  // namespace

void* allocate_new_block(std::size_t size) {
  if (size > BlockCache::largest) return ::operator new(size);
  return ::operator new(BlockCache::size_of(BlockCache::class_of(std::max<std::size_t>(size, 1))));
}

void free_surplus_block(void* block, std::size_t size) noexcept {
  if (size <= BlockCache::largest && use == Use::not_yet) [[unlikely]] {
    use = Use::open;
    block_cache.room = BlockCache::most_kept;
    release_at_exit.touch();
#ifndef EVLOOP_PLAIN_BLOCKS
    return free_block(block, size);
#endif
  }
  ::operator delete(block);
}

}  // namespace evloop
