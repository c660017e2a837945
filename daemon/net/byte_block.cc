#include "net/byte_block.h"

#include <new>

#include "base/spare_memory.h"

namespace evloop {

constinit thread_local SpareByteBlocks spare_byte_blocks{};

namespace {

constexpr std::size_t most = static_cast<std::size_t>(-1) / 4;
constexpr std::align_val_t alignment{alignof(ByteBlock)};

}  // namespace

ByteBlock* allocate_byte_block(std::size_t least) {
  if (least > most) throw std::bad_alloc();
  const auto capacity = std::bit_ceil(least);
  return ::new (::operator new(sizeof(ByteBlock) + capacity, alignment)) ByteBlock{capacity};
}

void free_surplus_byte_block(ByteBlock* block) noexcept {
#ifndef EVLOOP_PLAIN_BLOCKS
  if (SpareBlocks<SpareByteBlocks>::begin(spare_byte_blocks)) return free_byte_block(block);
#endif
  ::operator delete(block, alignment);
}

}  // namespace evloop
