#include "workloads/upstreams/maglev.h"

#include <random>

#include "workloads/upstreams/pool_test.h"

namespace evloopd::workloads {
namespace {

class MaglevTest : public PoolTest {
 protected:
  // Who has each slot, by name.
  std::vector<std::string> owners(const std::vector<host::UpstreamSpec>& list) {
    Pool pool({.list = list, .balance = Balance::consistent_hash}, clock_);
    const auto view = pool.view(now());
    std::vector<std::string> all;
    for (const auto index : view->table) all.push_back(view->candidates[index].endpoint->name());
    return all;
  }
  static double share_moved(const std::vector<std::string>& before, const std::vector<std::string>& after) {
    EXPECT_EQ(before.size(), after.size()) << "or nothing can be compared";
    std::size_t moved = 0;
    for (std::size_t i = 0; i < before.size(); ++i) moved += before[i] == after[i] ? 0U : 1U;
    return static_cast<double>(moved) / static_cast<double>(before.size());
  }
};

TEST_F(MaglevTest, WithoutCandidatesThereIsNoTable) { EXPECT_TRUE(make_maglev_table({}).empty()); }

TEST_F(MaglevTest, EachHasSlotsByItsWeight) {
  const std::vector<int> weights{1, 2, 3, 4, 10};
  const auto list = numbered(weights);
  const auto all = owners(list);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto slots = std::ranges::count(all, list[i].address);
    EXPECT_NEAR(static_cast<double>(slots), static_cast<double>(all.size()) * weights[i] / 20, 2.0) << i;
  }
}

TEST_F(MaglevTest, WhenOneOfNGoesLittleMoreThanItsShareMoves) {
  for (const std::size_t n : {3U, 10U, 20U, 100U}) {
    auto list = numbered(std::vector<int>(n, 1));
    const auto before = owners(list);
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(n / 2));
    const auto after = owners(list);
    if (before.size() != after.size()) continue;  // another prime
    const double share = 1.0 / static_cast<double>(n);
    EXPECT_GE(share_moved(before, after), share * 0.9) << n;
    EXPECT_LE(share_moved(before, after), share + 0.06) << n;
  }
}

TEST_F(MaglevTest, TheOrderOfTheListHardlyMatters) {
  auto list = numbered(std::vector<int>(10, 1));
  const auto before = owners(list);
  std::ranges::reverse(list);
  EXPECT_LE(share_moved(before, owners(list)), 0.1);
}

TEST_F(MaglevTest, HoldsThousands) {
  const auto list = numbered(std::vector<int>(5000, 1));
  const auto all = owners(list);
  for (const auto& spec : list) ASSERT_GE(std::ranges::count(all, spec.address), 13);
}

}  // namespace
}  // namespace evloopd::workloads
