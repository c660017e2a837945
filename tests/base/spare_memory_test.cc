#include "base/spare_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>
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

#if !defined(EVLOOP_PLAIN_BLOCKS) && !__has_feature(thread_sanitizer)
std::size_t resident_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(SpareMemory, WhatIsGivenBackIsTheSystemsAlsoBetweenWhatIsInUse) {
  on_new_thread([] {
    constexpr std::size_t count = 4000;
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < count; ++i) {
      blocks.push_back(allocate_block(1000));
      std::memset(blocks.back(), 1, 1000);
    }
    const auto is_kept = [](std::size_t i) { return i % 40 == 39; };
    for (std::size_t i = 0; i < count; ++i)
      if (!is_kept(i)) free_block(blocks[i], 1000);
    const auto before = resident_bytes();
    SpareMemory::give_back_all();
    EXPECT_LT(resident_bytes(), before - 2'000'000);
    for (std::size_t i = 0; i < count; ++i)
      if (is_kept(i)) free_block(blocks[i], 1000);
  });
}
#endif

class Kept final : public SpareMemory {
 public:
  explicit Kept(std::size_t bytes) noexcept : bytes_(bytes) {}

 private:
  [[nodiscard]] std::size_t size() const noexcept override { return bytes_; }
  void give_back() noexcept override { bytes_ = 0; }

  std::size_t bytes_;
};

TEST(SpareMemory, WhatEndsIsForgottenInWhateverOrder) {
  on_new_thread([] {
    auto first = std::make_unique<Kept>(1);
    auto second = std::make_unique<Kept>(2);
    auto third = std::make_unique<Kept>(4);
    EXPECT_EQ(SpareMemory::kept(), 7u);
    first.reset();
    EXPECT_EQ(SpareMemory::kept(), 6u);
    third.reset();
    EXPECT_EQ(SpareMemory::kept(), 2u);
    SpareMemory::give_back_all();
    EXPECT_EQ(SpareMemory::kept(), 0u);
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
