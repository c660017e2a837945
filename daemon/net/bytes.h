#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "net/byte_block.h"

namespace evloop {

// A string of bytes that grows at its end and is consumed from its front: what waits in a reader or to be written, and
// what a read answers. An empty one holds no memory. Storage comes from lists of the thread, so that a warm loop
// allocates nothing. A value type; any thread, as a value.
class Bytes {
 public:
  Bytes() noexcept = default;
  explicit Bytes(std::span<const std::byte> content) { append(content); }
  explicit Bytes(std::string_view text) { append(std::as_bytes(std::span(text))); }
  Bytes(const Bytes& other) : Bytes(std::span(other.begin(), other.end())) {}
  Bytes(Bytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Bytes& operator=(Bytes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Bytes() {
    if (block_) free();
  }

  [[nodiscard]] std::size_t size() const noexcept { return block_ ? block_->size() : 0; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] const std::byte* data() const noexcept { return block_ ? block_->storage() + block_->begin : nullptr; }
  [[nodiscard]] const std::byte* begin() const noexcept { return data(); }
  [[nodiscard]] const std::byte* end() const noexcept { return data() + size(); }
  [[nodiscard]] std::string_view view() const noexcept { return {reinterpret_cast<const char*>(data()), size()}; }
  [[nodiscard]] std::string str() const { return std::string(view()); }

  // `content` must not be part of this. Throws std::bad_alloc.
  void append(std::span<const std::byte> content);
  // For who receives into it: room for at least `count` more bytes, of which the first ones received are then appended
  // by grow(). An empty one that was given room holds memory until then, or until trim().
  [[nodiscard]] std::span<std::byte> make_space(std::size_t count);
  // The same of 2^exponent bytes.
  [[nodiscard]] std::span<std::byte> make_space_of(unsigned exponent) {
    if (block_) [[unlikely]]
      return make_space(std::size_t{1} << exponent);
    block_ = new_byte_block_of(exponent);
    return {block_->storage(), block_->capacity};
  }
  void grow(std::size_t count) noexcept { block_->end += count; }
  void trim() noexcept {
    if (block_ && empty()) free();
  }
  // Drops the first `count` bytes, of at most size().
  void consume(std::size_t count) noexcept;
  // The first `count` bytes, of at most size(), which leave this. All of them: nothing is copied.
  [[nodiscard]] Bytes take(std::size_t count) { return count >= size() ? std::move(*this) : take_front(count); }
  void clear() noexcept {
    if (block_) free();
  }

  friend bool operator==(const Bytes& a, const Bytes& b) noexcept { return a.view() == b.view(); }
  friend bool operator==(const Bytes& a, std::string_view b) noexcept { return a.view() == b; }

 private:
  [[nodiscard]] Bytes take_front(std::size_t count);
  // Of one that holds a block.
  void make_room(std::size_t count);
  void free() noexcept { free_byte_block(std::exchange(block_, nullptr)); }

  ByteBlock* block_ = nullptr;  // null when empty, but for what make_space() says
};

}  // namespace evloop
