#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "aio/event_loop.h"

namespace evloop {

enum class ReturnWhen : std::uint8_t { all_completed, first_completed, first_exception };

struct WaitResult {
  std::vector<FutureRef> done;  // in the order of the argument
  std::vector<FutureRef> pending;
};

// Waits for futures; neither cancels them nor throws for them (COMB-09 to COMB-12).
Coro<WaitResult> wait(std::vector<FutureRef> futures, std::optional<Duration> timeout = std::nullopt,
                      ReturnWhen when = ReturnWhen::all_completed);

template <class F>
[[nodiscard]] std::vector<FutureRef> futures_of(const std::vector<F>& futures) {
  std::vector<FutureRef> all;
  all.reserve(futures.size());
  for (const auto& future : futures) all.emplace_back(future.state().get());
  return all;
}

}  // namespace evloop
