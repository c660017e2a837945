#include "workloads/upstreams/lease.h"

#include <gtest/gtest.h>

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;

constexpr evloop::TimePoint begin{1h};

TEST(Lease, IsHeldByOneThatRenewsIt) {
  Lease lease;
  for (auto now = begin; now < begin + 10s; now += 1s) {
    EXPECT_TRUE(lease.hold(1, now));
    EXPECT_FALSE(lease.hold(2, now));
  }
}

TEST(Lease, GoesToAnotherWhenItIsNotRenewed) {
  Lease lease;
  EXPECT_TRUE(lease.hold(1, begin));
  EXPECT_FALSE(lease.hold(2, begin + Lease::term - 1ms));
  EXPECT_TRUE(lease.hold(2, begin + Lease::term));
  EXPECT_FALSE(lease.hold(1, begin + Lease::term)) << "the first one learns that it has lost it";
}

TEST(Lease, MayBeGivenUp) {
  Lease lease;
  EXPECT_TRUE(lease.hold(0, begin));
  lease.release(2);
  EXPECT_FALSE(lease.hold(1, begin));
  lease.release(0);
  EXPECT_TRUE(lease.hold(1, begin));
}

}  // namespace
}  // namespace evloopd::workloads
