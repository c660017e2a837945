#include "workloads/upstreams/maglev.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "workloads/upstreams/hash.h"

namespace evloopd::workloads {
namespace {

constexpr std::array<std::uint32_t, 9> primes{251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521};
constexpr auto empty = std::numeric_limits<std::uint16_t>::max();

// Where one candidate would have its slots: a walk over the whole table in an order of its own.
struct Walk {
  std::uint32_t at;
  std::uint32_t skip;
  double target = 0;  // the turn in which it takes its next slot
};

}  // namespace

std::vector<std::uint16_t> make_maglev_table(std::span<const PoolView::Candidate> candidates) {
  if (candidates.empty()) return {};
  candidates = candidates.first(std::min<std::size_t>(candidates.size(), empty));
  const auto big_enough = std::ranges::lower_bound(primes, candidates.size() * 100);
  const auto size = big_enough == primes.end() ? primes.back() : *big_enough;

  std::uint32_t heaviest = 1;
  std::vector<Walk> walks;
  for (const auto& [endpoint, weight] : candidates) {
    const auto hash = hash_of(endpoint->name());
    walks.push_back({.at = static_cast<std::uint32_t>(hash % size),
                     .skip = static_cast<std::uint32_t>(mix(hash + 1) % (size - 1) + 1)});
    heaviest = std::max(heaviest, weight);
  }

  std::vector<std::uint16_t> table(size, empty);
  std::uint32_t filled = 0;
  for (double turn = 1; filled < size; ++turn) {
    for (std::size_t i = 0; i < walks.size() && filled < size; ++i) {
      // The heaviest has a slot in each turn, one of half its weight in every second.
      auto& walk = walks[i];
      if (turn * candidates[i].weight < walk.target) continue;
      walk.target += heaviest;
      while (table[walk.at] != empty) walk.at = (walk.at + walk.skip) % size;
      table[walk.at] = static_cast<std::uint16_t>(i);
      ++filled;
    }
  }
  return table;
}

}  // namespace evloopd::workloads
