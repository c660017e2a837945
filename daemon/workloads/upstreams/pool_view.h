#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "base/clock.h"
#include "base/ref.h"
#include "workloads/upstreams/endpoint.h"

namespace evloopd::workloads {

// Whom clients may be sent to, as it was decided at one moment: those that are up, or else the backups that are.
// Immutable; the pool makes a new one when something changes, and a loop keeps the one it has until then.
struct PoolView {
  struct Candidate {
    evloop::Ref<Endpoint> endpoint;
    std::uint32_t weight = 1;
  };

  std::vector<Candidate> candidates;
  std::vector<std::uint16_t> table;  // of consistent_hash: to candidates
  bool unresolved = false;           // no name has been answered yet, so candidates may still come
  std::uint64_t version = 0;         // rises
  evloop::TimePoint good_until = evloop::TimePoint::max();  // then the passing of time changes it
};

}  // namespace evloopd::workloads
