// Runs the fuzz target over its corpus, so that every build checks what the fuzzer once found.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/target.h"

namespace {

TEST(FuzzCorpus, HoldsNoMistake) {
  std::vector<std::filesystem::path> seeds;
  for (const auto& entry : std::filesystem::directory_iterator(EVLOOPD_FUZZ_CORPUS)) seeds.push_back(entry.path());
  std::ranges::sort(seeds);
  ASSERT_FALSE(seeds.empty());
  for (const auto& seed : seeds) {
    std::ifstream file(seed, std::ios::binary);
    ASSERT_TRUE(file) << seed;
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_NO_THROW(LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size())) << seed;
  }
}

}  // namespace
