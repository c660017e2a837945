#pragma once

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "aio/event_loop.h"

namespace evloop {

// Calls `function(arguments...)` on a thread of the running loop's default executor, in a copy of the current context,
// and answers what it does (EXEC-11). Function and arguments are kept until it has ended; a reference is passed with
// std::ref().
template <class F, class... Args>
Coro<std::invoke_result_t<F, Args...>> to_thread(F function, Args... arguments) {
  co_return co_await get_running_loop().run_in_executor(
      nullptr, in_context(CurrentContext::capture(),
                          [function = std::move(function), arguments = std::tuple(std::move(arguments)...)]() mutable {
                            return std::apply(std::move(function), std::move(arguments));
                          }));
}

}  // namespace evloop
