#include "base/block_cache.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace evloop {
namespace {

TEST(BlockCache, BlocksOfAnySizeAreAlignedAndTheirOwn) {
  struct Block {
    void* memory;
    std::size_t size;
  };
  std::vector<Block> blocks;
  for (std::size_t size = 1; size < 5000; size += 37) {
    blocks.push_back({allocate_block(size), size});
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back().memory) % alignof(std::max_align_t), 0u);
    std::memset(blocks.back().memory, static_cast<int>(size % 251), size);
  }
  for (const auto& [memory, size] : blocks) {
    const auto* bytes = static_cast<const unsigned char*>(memory);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(bytes[i], size % 251);
  }
  for (const auto& [memory, size] : blocks) free_block(memory, size);
}

TEST(BlockCache, ABlockMayBeFreedOnAnotherThread) {
  std::vector<void*> blocks;
  std::thread([&] {
    for (int i = 0; i < 1000; ++i) blocks.push_back(allocate_block(200));
  }).join();
  std::thread([&] {
    for (auto* block : blocks) free_block(block, 200);
  }).join();
}

TEST(BlockCache, ThreadLocalsMayFreeBlocksWhenTheirThreadEnds) {
  struct Late {
    void* block = nullptr;
    ~Late() { free_block(block, 64); }
  };
  std::thread([] {
    static thread_local Late late;
    late.block = allocate_block(64);
    free_block(allocate_block(64), 64);
  }).join();
}

TEST(BlockCache, KeepsNoMoreThanItsShare) {
  std::vector<void*> blocks;
  for (int i = 0; i < 2000; ++i) blocks.push_back(allocate_block(1024));
  for (auto* block : blocks) free_block(block, 1024);
}

TEST(BlockCached, DerivedObjectsComeAndGo) {
  struct Node final : BlockCached {
    std::uint64_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  };
  for (int i = 0; i < 100; ++i) {
    const auto node = std::make_unique<Node>();
    EXPECT_EQ(node->words[7], 8u);
  }
}

}  // namespace
}  // namespace evloop
