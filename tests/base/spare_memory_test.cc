#include "base/spare_memory.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/block_cache.h"

namespace evloop {
namespace {

// On a thread of its own, which keeps nothing yet.
template <class F>
void on_new_thread(F function) {
  std::thread(function).join();
}

TEST(SpareMemory, AThreadKeepsWhatItFreedUntilItGivesItBack) {
  on_new_thread([] {
    EXPECT_EQ(SpareMemory::kept(), 0u);
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(allocate_block(1000));
    for (auto* block : blocks) free_block(block, 1000);
#ifndef EVLOOP_PLAIN_BLOCKS
    EXPECT_GE(SpareMemory::kept(), 100'000u);
#endif
    SpareMemory::give_back_all();
    EXPECT_EQ(SpareMemory::kept(), 0u);
  });
}

TEST(SpareMemory, AThreadThatGaveAllBackKeepsAgain) {
  on_new_thread([] {
    free_block(allocate_block(1000), 1000);
    SpareMemory::give_back_all();
    auto* const block = allocate_block(1000);
    free_block(block, 1000);
#ifndef EVLOOP_PLAIN_BLOCKS
    EXPECT_EQ(SpareMemory::kept(), BlockSizes::size_of(BlockSizes::class_of(1000)));
    EXPECT_EQ(allocate_block(1000), block);
    free_block(block, 1000);
#endif
  });
}

TEST(SpareMemory, EachThreadHasItsOwn) {
  on_new_thread([] {
    free_block(allocate_block(1000), 1000);
    const auto kept = SpareMemory::kept();
    on_new_thread([] {
      free_block(allocate_block(1000), 1000);
      SpareMemory::give_back_all();
    });
    EXPECT_EQ(SpareMemory::kept(), kept);
  });
}

}  // namespace
}  // namespace evloop
