#include "base/block_cache.h"

#include <array>
#include <cstddef>
#include <new>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EVLOOP_PLAIN_BLOCKS 1
#endif
#endif

namespace evloop {

#ifdef EVLOOP_PLAIN_BLOCKS

void* allocate_block(std::size_t size) { return ::operator new(size); }
void free_block(void* block, std::size_t size) noexcept { ::operator delete(block, size); }

#else
namespace {

// The sizes that malloc hands out without waste: 16 n + 8, as 8 bytes of each block are its own.
constexpr std::size_t step = 16;
constexpr std::size_t own = 8;
constexpr std::size_t largest = 4096;
constexpr std::size_t class_of(std::size_t size) noexcept { return (size + own - 1) / step; }
constexpr std::size_t size_of(std::size_t bin) noexcept { return bin * step + own; }
constexpr std::size_t classes = class_of(largest) + 1;
constexpr std::size_t kept_bytes = 1024 * 1024;  // per size class and thread

struct FreeBlock {
  FreeBlock* next;
};

struct Bin {
  FreeBlock* first = nullptr;
  std::size_t bytes = 0;
};

// Constant-initialised and trivially destructible, so that an access is a plain load from the thread's
// block. `closed` sends late frees (of other thread-locals' destructors) straight to operator delete.
struct Cache {
  std::array<Bin, classes> bins;
  bool registered = false;
  bool closed = false;
};
constinit thread_local Cache cache;

struct ReleaseAtExit {
  ~ReleaseAtExit() {
    cache.closed = true;
    for (auto& bin : cache.bins)
      while (bin.first) ::operator delete(std::exchange(bin.first, bin.first->next));
  }
  void touch() noexcept {}
};
thread_local ReleaseAtExit release_at_exit;

}  // namespace

void* allocate_block(std::size_t size) {
  if (size == 0 || size > largest) [[unlikely]]
    return ::operator new(size);
  auto& bin = cache.bins[class_of(size)];
  if (auto* block = bin.first) [[likely]] {
    bin.first = block->next;
    bin.bytes -= size_of(class_of(size));
    return block;
  }
  return ::operator new(size_of(class_of(size)));
}

void free_block(void* memory, std::size_t size) noexcept {
  if (size == 0 || size > largest) [[unlikely]] {
    ::operator delete(memory);
    return;
  }
  auto& bin = cache.bins[class_of(size)];
  if (bin.bytes >= kept_bytes || cache.closed) [[unlikely]] {
    ::operator delete(memory);
    return;
  }
  if (!cache.registered) [[unlikely]] {
    cache.registered = true;
    release_at_exit.touch();
  }
  auto* block = static_cast<FreeBlock*>(memory);
  block->next = bin.first;
  bin.first = block;
  bin.bytes += size_of(class_of(size));
}

#endif

}  // namespace evloop
