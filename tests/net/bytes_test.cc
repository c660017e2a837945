#include "net/bytes.h"

#include <gtest/gtest.h>

#include <random>

namespace evloop {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST(Bytes, HoldsNothingUntilAppendedTo) {
  Bytes bytes;
  EXPECT_TRUE(bytes.empty());
  EXPECT_EQ(bytes.data(), nullptr);
  EXPECT_EQ(bytes, "");
  bytes.append({});
  EXPECT_EQ(bytes.data(), nullptr);
}

TEST(Bytes, IsAValue) {
  Bytes one(std::string_view("text"));
  Bytes two = one;
  two.append(bytes_of("s"));
  EXPECT_EQ(one, "text");
  EXPECT_EQ(two, "texts");
  Bytes three = std::move(two);
  EXPECT_TRUE(two.empty());  // NOLINT(bugprone-use-after-move)
  one = three;
  EXPECT_EQ(one, three);
}

TEST(Bytes, TakingAllCopiesNothing) {
  Bytes bytes(std::string_view("some text"));
  const auto* const where = bytes.data();
  const auto taken = bytes.take(100);
  EXPECT_EQ(taken.data(), where);
  EXPECT_TRUE(bytes.empty());
}

TEST(Bytes, BehavesAsAStringThatIsConsumedFromItsFront) {
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return random() % n; };
  for (const std::size_t largest : {10u, 3000u, 700'000u}) {
    Bytes bytes;
    std::string model;
    for (int step = 0; step < 2000; ++step) {
      if (below(2) == 0 && model.size() < 2'000'000) {
        const std::string more(below(largest), static_cast<char>('a' + step % 26));
        bytes.append(bytes_of(more));
        model += more;
      } else if (below(2) == 0) {
        const auto count = below(model.size() + 1);
        bytes.consume(count);
        model.erase(0, count);
      } else {
        const auto count = below(model.size() + 1);
        ASSERT_EQ(bytes.take(count), std::string_view(model).substr(0, count));
        model.erase(0, count);
      }
      ASSERT_EQ(bytes.size(), model.size());
      if (step % 100 == 0) {
        ASSERT_EQ(bytes, model);
      }
    }
    ASSERT_EQ(bytes, model);
  }
}

}  // namespace
}  // namespace evloop
