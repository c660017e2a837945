#pragma once

#include <utility>

#include "aio/coro.h"
#include "base/clock.h"

namespace evloop {

// Returns after `delay`; zero or less: after one turn of the loop (TASK-06).
Coro<void> sleep(Duration delay);

// ... and answers `value`.
template <class T>
Coro<T> sleep(Duration delay, T value) {
  co_await sleep(delay);
  co_return std::move(value);
}

}  // namespace evloop
