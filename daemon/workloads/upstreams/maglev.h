#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "workloads/upstreams/pool_view.h"

namespace evloopd::workloads {

// A table that a client's hash is looked up in, filled as Google's Maglev does (NSDI 2016, 3.4): each candidate has
// slots in proportion to its weight, within 1/100 or so, and when one goes nearly all slots of the others stay theirs.
// The size is a prime about a hundred times the number of candidates, 65521 at most. Empty without candidates.
[[nodiscard]] std::vector<std::uint16_t> make_maglev_table(std::span<const PoolView::Candidate> candidates);

}  // namespace evloopd::workloads
