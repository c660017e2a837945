#include "workloads/upstreams/balancer.h"

#include <random>

#include "workloads/upstreams/hash.h"
#include "workloads/upstreams/pool_test.h"

namespace evloopd::workloads {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr std::array all_ways{Balance::round_robin, Balance::least_conn, Balance::power_of_two, Balance::source_hash,
                              Balance::consistent_hash};

class BalancerTest : public PoolTest {
 protected:
  void balance(Balance how, std::vector<host::UpstreamSpec> list, std::uint32_t loop = 0) {
    balancer_.reset();
    make({.list = std::move(list), .balance = how});
    view_ = view();
    balancer_ = make_balancer(how, loop);
    balancer_->use(*view_);
  }
  void balance(Balance how, const std::vector<int>& weights, std::uint32_t loop = 0) {
    balance(how, numbered(weights), loop);
  }
  std::size_t next(std::uint64_t key = 0, std::span<const Endpoint* const> tried = {}) {
    return balancer_->choose(key, Balancer::Open(tried)).value_or(999);
  }
  std::vector<std::size_t> next_ones(int count) {
    std::vector<std::size_t> all;
    for (; count > 0; --count) all.push_back(next());
    return all;
  }
  Place place_at(std::size_t index) { return Place::at(*view_->candidates[index].endpoint); }
  [[nodiscard]] const Endpoint* at(std::size_t index) const { return view_->candidates[index].endpoint.get(); }

  std::shared_ptr<const PoolView> view_;
  std::unique_ptr<Balancer> balancer_;
};

TEST_F(BalancerTest, RoundRobinTakesThemInTurn) {
  balance(Balance::round_robin, {1, 1, 1});
  EXPECT_THAT(next_ones(7), ElementsAre(0, 1, 2, 0, 1, 2, 0));
}

TEST_F(BalancerTest, RoundRobinKeepsTheTurnsOfAHeavyOneApart) {
  balance(Balance::round_robin, {5, 1, 1});
  EXPECT_THAT(next_ones(7), ElementsAre(0, 0, 1, 0, 2, 0, 0));
}

TEST_F(BalancerTest, RoundRobinBeginsElsewhereOnEachLoop) {
  for (std::uint32_t loop = 0; loop < 6; ++loop) {
    balance(Balance::round_robin, {1, 1, 1}, loop);
    EXPECT_EQ(next(), loop % 3);
  }
}

TEST_F(BalancerTest, RoundRobinGivesEachExactlyItsWeightInARoundAndKeepsNearItMeanwhile) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<int> weights(std::uniform_int_distribution<std::size_t>(1, 12)(random));
    int all = 0;
    for (auto& weight : weights) all += weight = std::uniform_int_distribution(1, 20)(random);
    balance(Balance::round_robin, weights);
    std::vector<int> taken(weights.size());
    for (int turn = 1; turn <= 2 * all; ++turn) {
      ++taken[next()];
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const double due = static_cast<double>(turn) * weights[i] / all;
        if (turn % all == 0) ASSERT_EQ(taken[i] * all, turn * weights[i]);
        // Among many, smooth round robin may be off by more than one turn within a round.
        ASSERT_NEAR(taken[i], due, static_cast<double>(weights.size()) / 2 + 1);
      }
    }
  }
}

TEST_F(BalancerTest, RoundRobinPaysNoHeedToConnections) {
  balance(Balance::round_robin, {1, 1});
  const auto first = place_at(next());
  EXPECT_EQ(next(), 1U);
  EXPECT_EQ(next(), 0U);
}

TEST_F(BalancerTest, LeastConnTakesTheOneWithTheFewest) {
  balance(Balance::least_conn, {1, 1, 1});
  std::vector<Place> places;
  for (int i = 0; i < 6; ++i) places.push_back(place_at(next()));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(at(i)->connections(), 2U);
  const auto* left = &places[4].endpoint();
  places.erase(places.begin() + 4);
  EXPECT_EQ(at(next()), left);
}

TEST_F(BalancerTest, LeastConnFillsThemByWeight) {
  balance(Balance::least_conn, {3, 1, 2});
  std::vector<Place> places;
  for (int i = 0; i < 60; ++i) places.push_back(place_at(next()));
  EXPECT_EQ(at(0)->connections(), 30U);
  EXPECT_EQ(at(1)->connections(), 10U);
  EXPECT_EQ(at(2)->connections(), 20U);
}

TEST_F(BalancerTest, LeastConnTakesEqualOnesInTurn) {
  balance(Balance::least_conn, {1, 1, 1});
  EXPECT_THAT(next_ones(3), UnorderedElementsAre(0, 1, 2));
}

TEST_F(BalancerTest, PowerOfTwoKeepsThemNearlyEven) {
  balance(Balance::power_of_two, std::vector<int>(10, 1));
  std::vector<Place> places;
  for (int i = 0; i < 1000; ++i) places.push_back(place_at(next()));
  for (std::size_t i = 0; i < 10; ++i) EXPECT_NEAR(at(i)->connections(), 100, 10);
}

TEST_F(BalancerTest, PowerOfTwoMindsTheWeights) {
  balance(Balance::power_of_two, {4, 1});
  std::vector<Place> places;
  for (int i = 0; i < 500; ++i) places.push_back(place_at(next()));
  EXPECT_NEAR(at(0)->connections(), 400, 2);
}

TEST_F(BalancerTest, SourceHashIsTrueToAClientAndMindsTheWeights) {
  balance(Balance::source_hash, {3, 1});
  int first = 0;
  for (std::uint64_t client = 0; client < 4000; ++client) {
    const auto chosen = next(mix(client));
    EXPECT_EQ(next(mix(client)), chosen);
    first += chosen == 0 ? 1 : 0;
  }
  EXPECT_NEAR(first, 3000, 150);
}

TEST_F(BalancerTest, ConsistentHashMindsTheWeights) {
  balance(Balance::consistent_hash, {3, 1});
  int first = 0;
  for (std::uint64_t client = 0; client < 4000; ++client) first += next(mix(client)) == 0 ? 1 : 0;
  EXPECT_NEAR(first, 3000, 150);
}

// Of a client's address only the host counts, and it counts alike everywhere.
TEST_F(BalancerTest, AClientIsKnownByItsHost) {
  const auto key = [](const char* text) { return source_key(evloop::SocketAddress::parse(text)); };
  EXPECT_EQ(key("192.0.2.1:1000"), key("192.0.2.1:2000"));
  EXPECT_NE(key("192.0.2.1:1000"), key("192.0.2.2:1000"));
  EXPECT_EQ(key("[2001:db8::1]:1"), key("[2001:db8::1]:2"));
  EXPECT_NE(key("[2001:db8::1]:1"), key("[2001:db8::2]:1"));
  EXPECT_EQ(key("192.0.2.1:1000"), 2161984699633912267U) << "the same in every build";
}

TEST_F(BalancerTest, EveryWayLeavesOutWhatWasTriedUntilNothingIsLeft) {
  for (const auto how : all_ways) {
    balance(how, {1, 2, 3});
    std::vector<const Endpoint*> tried;
    for (int i = 0; i < 3; ++i) tried.push_back(at(next(7, tried)));
    EXPECT_THAT(tried, UnorderedElementsAre(at(0), at(1), at(2)));
    EXPECT_EQ(balancer_->choose(7, Balancer::Open(tried)), std::nullopt);
  }
}

TEST_F(BalancerTest, EveryWayLeavesOutWhatIsFull) {
  for (const auto how : all_ways) {
    auto list = numbered({1, 1});
    for (auto& spec : list) spec.max_connections = 1;
    balance(how, list);
    const auto first = place_at(next(7));
    const auto second = place_at(next(7));
    ASSERT_TRUE(first && second);
    EXPECT_NE(&first.endpoint(), &second.endpoint());
    EXPECT_EQ(balancer_->choose(7, Balancer::Open()), std::nullopt);
  }
}

TEST_F(BalancerTest, NoWayFindsAnythingInAnEmptyView) {
  const PoolView nobody;
  for (const auto how : all_ways) {
    const auto balancer = make_balancer(how, 3);
    balancer->use(nobody);
    EXPECT_EQ(balancer->choose(7, Balancer::Open()), std::nullopt);
  }
}

TEST_F(BalancerTest, APlaceIsCountedWhileItLivesAndOnce) {
  balance(Balance::round_robin, {1});
  {
    auto place = place_at(0);
    auto moved = std::move(place);
    EXPECT_FALSE(place);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(at(0)->connections(), 1U);
    moved = place_at(0);
    EXPECT_EQ(at(0)->connections(), 1U);
  }
  EXPECT_EQ(at(0)->connections(), 0U);
}

}  // namespace
}  // namespace evloopd::workloads
