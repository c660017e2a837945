#pragma once

#include "aio/milliseconds.h"
#include "base/spare_memory.h"

namespace evloop {

// Calls `wait(milliseconds)`, -1: without limit, which answers as epoll_wait() and poll() do. When nothing has happened
// for a second, the thread gives back what memory it keeps: that of an idle loop is the system's again.
template <class Wait>
[[nodiscard]] int wait_patiently(std::optional<Duration> timeout, Wait wait) {
  constexpr int patience = 1000;
  constexpr std::size_t not_worth_it = 128 * 1024;
  const int most = to_milliseconds(timeout);
  const bool is_long = most < 0 || most > patience;
  if (!is_long || SpareMemory::kept() <= not_worth_it) return wait(most);
  if (const int count = wait(patience); count != 0) return count;
  SpareMemory::give_back_all();
  return wait(most < 0 ? most : most - patience);
}

}  // namespace evloop
