#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "workloads/upstreams/pool_view.h"

namespace evloopd::workloads {

// Decides which candidate of a view a client goes to: one way of balancing, with what it has to remember on one loop.
// Loop thread only.
class Balancer {
 public:
  // Which candidates are out of the question for this client: those it has tried, and those that are full.
  class Open {
   public:
    explicit Open(std::span<const Endpoint* const> tried = {}) noexcept : tried_(tried) {}
    [[nodiscard]] bool operator()(const PoolView::Candidate& candidate) const noexcept {
      return !candidate.endpoint->is_full() && !was_tried(candidate);
    }
    [[nodiscard]] bool was_tried(const PoolView::Candidate& candidate) const noexcept {
      return std::ranges::find(tried_, candidate.endpoint.get()) != tried_.end();
    }

   private:
    std::span<const Endpoint* const> tried_;
  };

  virtual ~Balancer() = default;
  // What to choose from, from here on. It stays alive until the next one.
  virtual void use(const PoolView& view) = 0;
  // The index of a candidate that is open; none if none is. `key` tells clients apart, for those that hash.
  [[nodiscard]] virtual std::optional<std::size_t> choose(std::uint64_t key, const Open& open) = 0;
};

// `loop` is a number of its own for each loop, so that not all of them begin at the same upstream.
[[nodiscard]] std::unique_ptr<Balancer> make_balancer(Balance how, std::uint32_t loop);

// Needs to know who the client is.
[[nodiscard]] constexpr bool hashes_source(Balance how) noexcept {
  return how == Balance::source_hash || how == Balance::consistent_hash;
}

}  // namespace evloopd::workloads
