#include "host/token_bucket.h"

#include <gtest/gtest.h>

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using evloop::Duration;

constexpr evloop::TimePoint start{1000s};

int take_all(TokenBucket& bucket, std::size_t rate, evloop::TimePoint now) {
  int count = 0;
  while (bucket.take(rate, now) == Duration::zero()) ++count;
  return count;
}

TEST(TokenBucket, HasSoManyTurnsInASecondAndSavesNoneUp) {
  TokenBucket bucket;
  EXPECT_EQ(take_all(bucket, 10, start), 10);
  EXPECT_EQ(take_all(bucket, 10, start + 99ms), 0);
  EXPECT_EQ(take_all(bucket, 10, start + 100ms), 1);
  EXPECT_EQ(take_all(bucket, 10, start + 400ms), 3);
  EXPECT_EQ(take_all(bucket, 10, start + 1h), 10);
}

TEST(TokenBucket, SaysHowLongItIsUntilTheNextTurn) {
  TokenBucket bucket;
  ASSERT_EQ(take_all(bucket, 10, start), 10);
  EXPECT_EQ(bucket.take(10, start), 100ms);
  EXPECT_EQ(bucket.take(10, start + 60ms), 40ms);
  EXPECT_EQ(bucket.take(10, start + 100ms), 0ms);
  EXPECT_EQ(bucket.take(10, start + 100ms), 100ms);
}

TEST(TokenBucket, OfOneASecondHasOneASecond) {
  TokenBucket bucket;
  EXPECT_EQ(take_all(bucket, 1, start), 1);
  EXPECT_EQ(bucket.take(1, start + 300ms), 700ms);
  EXPECT_EQ(take_all(bucket, 1, start + 1s), 1);
}

TEST(TokenBucket, TakesATurnBack) {
  TokenBucket bucket;
  ASSERT_EQ(take_all(bucket, 10, start), 10);
  bucket.give_back(10);
  EXPECT_EQ(take_all(bucket, 10, start), 1);
}

TEST(TokenBucket, GoesOnAtAnotherRate) {
  TokenBucket bucket;
  ASSERT_EQ(take_all(bucket, 1, start), 1);
  EXPECT_EQ(take_all(bucket, 1000, start + 100ms), 100);
}

}  // namespace
}  // namespace evloopd::host
