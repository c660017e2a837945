#pragma once

#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

#include "aio/await.h"
#include "aio/outcome.h"

namespace evloop {

// Awaits as `Inner` does, and answers how it ended instead of throwing.
template <class Inner>
class SettledAwaiter {
 public:
  using Value = decltype(std::declval<Inner&>().await_resume());

  template <class A>
  SettledAwaiter(A&& awaitable, AwaitSite site) : inner_(std::forward<A>(awaitable).awaited(site)) {}

  [[nodiscard]] bool await_ready() { return inner_.await_ready(); }
  template <class P>
  decltype(auto) await_suspend(std::coroutine_handle<P> frame) {
    return inner_.await_suspend(frame);
  }
  Outcome<Value> await_resume() {
    try {
      if constexpr (std::is_void_v<Value>) {
        inner_.await_resume();
        return Outcome<Value>::of({});
      } else {
        return Outcome<Value>::of(inner_.await_resume());
      }
    } catch (...) {
      return Outcome<Value>::failed(std::current_exception());
    }
  }

 private:
  Inner inner_;
};

template <class A>
struct Settled {
  A awaitable;

  auto awaited(AwaitSite site) && {
    return SettledAwaiter<decltype(std::move(awaitable).awaited(site))>(std::move(awaitable), site);
  }
};

// `co_await settled(x)` never throws: it answers an Outcome. For what has to happen after an error, as a
// catch block cannot await. Whoever ignores a CancelledError or a Fatal in it swallows it.
template <class A>
  requires Awaitable<std::decay_t<A>>
[[nodiscard]] auto settled(A&& awaitable) {
  return Settled<std::decay_t<A>>{std::forward<A>(awaitable)};
}

}  // namespace evloop
