#pragma once

#include <cstdint>

#include "host/snapshots.h"

namespace evloopd::host {

// What a thread of this process has had of the processors.
struct ThreadUsage {
  Nanos cpu{};
  Nanos run_queue_wait{};  // ready to run, and no processor free
};

// By its kernel id; any thread may ask, also about a thread that is blocked. Zeros for one that is gone.
[[nodiscard]] ThreadUsage read_thread_usage(std::int64_t thread_id);

}  // namespace evloopd::host
