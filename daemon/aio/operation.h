#pragma once

#include <concepts>
#include <coroutine>
#include <optional>
#include <utility>

#include "aio/coro.h"

namespace evloop {

// What can be awaited like a coroutine and is none, so that an await that need not wait costs no frame:
// StreamReader::read(), StreamWriter::drain(), AsyncGenerator::anext(). Like a coroutine object it does nothing until
// it is awaited, and is awaited once. Whatever takes a Coro takes it, too: create_task, gather, wait_for, ...
struct OperationBase {};
template <class A>
concept Operation =
    Awaitable<A> && std::derived_from<std::remove_cvref_t<A>, OperationBase> && requires { typename A::Value; };

// The coroutine that awaits it.
template <Operation A>
Coro<typename A::Value> as_coro(A operation) {
  co_return co_await std::move(operation);
}

// For awaiters of operations whose slow way is a coroutine: that one, once it is needed.
template <class T>
class SlowWay {
 public:
  std::coroutine_handle<> begin(Coro<T> coro, AwaitSite site, std::coroutine_handle<> awaiting) {
    return awaiter_.emplace(coro.release(), site).await_suspend(awaiting);
  }
  [[nodiscard]] bool taken() const noexcept { return awaiter_.has_value(); }
  T result() { return awaiter_->await_resume(); }

 private:
  std::optional<CoroAwaiter<T>> awaiter_;
};

}  // namespace evloop
