#pragma once

#include <cstddef>

namespace evloop {

// Memory for the small objects that come and go with every event: coroutine frames, handles, futures.
// Freed blocks wait in lists of the freeing thread, by size, so that a warm loop allocates nothing. A
// block may be freed on another thread than it came from. Large blocks go straight to operator new.
// Under AddressSanitizer every block does, so that a use after free is seen.
[[nodiscard]] void* allocate_block(std::size_t size);
void free_block(void* block, std::size_t size) noexcept;

// Derive to have objects of a class come from the cache. Needs the complete type's size at deletion: the
// class is final or has a virtual destructor.
struct BlockCached {
  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* block, std::size_t size) noexcept { free_block(block, size); }
};

}  // namespace evloop
