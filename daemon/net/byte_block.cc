#include "net/byte_block.h"

#include <new>
#include <utility>

namespace evloop {

constinit thread_local SpareByteBlocks spare_byte_blocks{};

namespace {

constexpr std::size_t most = static_cast<std::size_t>(-1) / 4;
constexpr std::align_val_t alignment{alignof(ByteBlock)};

enum class Use : unsigned char { not_yet, open, over };
constinit thread_local Use use = Use::not_yet;

struct ReleaseAtExit {
  ~ReleaseAtExit() {
    use = Use::over;
    spare_byte_blocks.room = 0;
    for (auto*& first : spare_byte_blocks.lists)
      while (first) ::operator delete(std::exchange(first, first->next), alignment);
  }
  void touch() noexcept {}
};
thread_local ReleaseAtExit release_at_exit;

}  // namespace

ByteBlock* allocate_byte_block(std::size_t least) {
  if (least > most) throw std::bad_alloc();
  const auto capacity = std::bit_ceil(least);
  return ::new (::operator new(sizeof(ByteBlock) + capacity, alignment)) ByteBlock{capacity};
}

void free_surplus_byte_block(ByteBlock* block) noexcept {
  if (use == Use::not_yet) [[unlikely]] {
    use = Use::open;
    spare_byte_blocks.room = SpareByteBlocks::most_kept;
    release_at_exit.touch();
#ifndef EVLOOP_PLAIN_BLOCKS
    return free_byte_block(block);
#endif
  }
  ::operator delete(block, alignment);
}

}  // namespace evloop
