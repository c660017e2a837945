#include "net/bytes.h"

#include <cstring>
#include <limits>
#include <new>

namespace evloop {

void Bytes::append(std::span<const std::byte> content) {
  if (content.empty()) return;
  std::memcpy(make_space(content.size()).data(), content.data(), content.size());
  block_->end += content.size();
}

std::span<std::byte> Bytes::make_space(std::size_t count) {
  if (!block_) {
    block_ = new_byte_block(count);
  } else if (block_->room() < count) {
    make_room(count);
  }
  return {block_->storage() + block_->end, block_->room()};
}

void Bytes::make_room(std::size_t count) {
  const auto kept = block_->size();
  if (count > std::numeric_limits<std::size_t>::max() - kept) throw std::bad_alloc();
  // Moving at most as much as was consumed keeps appending linear.
  if (block_->capacity - kept >= count && kept <= block_->begin) {
    std::memmove(block_->storage(), data(), kept);
    block_->begin = 0;
  } else {
    auto* const block = new_byte_block(kept + count);
    std::memcpy(block->storage(), data(), kept);
    free_byte_block(block_);
    block_ = block;
  }
  block_->end = kept;
}

void Bytes::consume(std::size_t count) noexcept {
  if (count == 0) return;
  if (count >= size()) return clear();
  block_->begin += count;
}

Bytes Bytes::take_front(std::size_t count) {
  Bytes front(std::span(data(), count));
  consume(count);
  return front;
}

}  // namespace evloop
