#include "workloads/proxy/balancer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr evloop::TimePoint now{1h};
constexpr std::array<std::size_t, 0> none{};

std::size_t next(Balancer& balancer, std::span<const std::size_t> tried = none, evloop::TimePoint when = now) {
  return balancer.take(tried, when).upstream();
}

TEST(RoundRobin, TakesTheUpstreamsInTurn) {
  Balancer balancer(Balance::round_robin, 3);
  std::vector<std::size_t> order;
  for (int i = 0; i < 7; ++i) order.push_back(next(balancer));
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 0, 1, 2, 0));
}

TEST(RoundRobin, PaysNoHeedToClients) {
  Balancer balancer(Balance::round_robin, 2);
  const auto first = balancer.take(none, now);
  EXPECT_EQ(next(balancer), 1U);
  EXPECT_EQ(next(balancer), 0U);
}

TEST(LeastConn, TakesTheUpstreamWithTheFewestClients) {
  Balancer balancer(Balance::least_conn, 3);
  std::vector<Balancer::Place> places;
  for (int i = 0; i < 6; ++i) places.push_back(balancer.take(none, now));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(balancer.clients(i), 2U);
  const auto left = places[4].upstream();
  places.erase(places.begin() + 4);
  EXPECT_EQ(next(balancer), left);
}

TEST(LeastConn, TakesEqualOnesInTurn) {
  Balancer balancer(Balance::least_conn, 3);
  EXPECT_THAT((std::vector{next(balancer), next(balancer), next(balancer)}), UnorderedElementsAre(0, 1, 2));
}

TEST(Place, IsCountedWhileItLivesAndOnce) {
  Balancer balancer(Balance::least_conn, 1);
  {
    auto place = balancer.take(none, now);
    auto moved = std::move(place);
    EXPECT_FALSE(place);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(balancer.clients(0), 1U);
    moved = balancer.take(none, now);
    EXPECT_EQ(balancer.clients(0), 1U);
  }
  EXPECT_EQ(balancer.clients(0), 0U);
}

TEST(Balancer, LeavesOutWhatWasTriedUntilNothingIsLeft) {
  for (const auto how : {Balance::round_robin, Balance::least_conn}) {
    Balancer balancer(how, 3);
    std::vector<std::size_t> tried;
    for (int i = 0; i < 3; ++i) tried.push_back(next(balancer, tried));
    EXPECT_THAT(tried, UnorderedElementsAre(0, 1, 2));
    EXPECT_FALSE(balancer.take(tried, now));
  }
}

TEST(Balancer, AvoidsAnUpstreamThatFailedForAWhile) {
  for (const auto how : {Balance::round_robin, Balance::least_conn}) {
    Balancer balancer(how, 2);
    std::ignore = balancer.failed(0, now);
    const auto kept = balancer.take(none, now);  // least_conn would go to 0 from here on
    EXPECT_EQ(kept.upstream(), 1U);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(next(balancer, none, now + Balancer::avoid_after_failure - 1ns), 1U);
    const auto later = now + Balancer::avoid_after_failure;
    EXPECT_THAT((std::vector{next(balancer, none, later), next(balancer, none, later)}), testing::Contains(0U));
  }
}

TEST(Balancer, TakesAnAvoidedUpstreamWhenThereIsNoOther) {
  Balancer balancer(Balance::round_robin, 2);
  std::ignore = balancer.failed(0, now);
  std::ignore = balancer.failed(1, now);
  const auto first = next(balancer);
  EXPECT_EQ(next(balancer, std::array{first}), 1 - first);
}

TEST(Balancer, HasAFailureLoggedOncePerMinuteAndUpstream) {
  Balancer balancer(Balance::round_robin, 2);
  EXPECT_TRUE(balancer.failed(0, now));
  EXPECT_FALSE(balancer.failed(0, now + 59s));
  EXPECT_TRUE(balancer.failed(1, now + 59s));
  EXPECT_TRUE(balancer.failed(0, now + 60s));
  EXPECT_FALSE(balancer.failed(0, now + 61s));
}

}  // namespace
}  // namespace evloopd::workloads
