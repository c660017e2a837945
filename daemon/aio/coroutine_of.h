#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "aio/coro.h"
#include "aio/operation.h"

// A coroutine made to outlive the call that makes it: how create_task() takes a function and its arguments.
namespace evloop {

template <class T>
inline constexpr bool is_coro = false;
template <class T>
inline constexpr bool is_coro<Coro<T>> = true;

// The parameter types of a function whose signature can be seen: not of an overloaded or generic one.
template <class F>
struct ParametersOf {};
template <class R, class... P>
struct ParametersOf<R (*)(P...)> {
  using Types = std::tuple<P...>;
};
template <class R, class... P>
struct ParametersOf<R (*)(P...) noexcept> : ParametersOf<R (*)(P...)> {};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...)> : ParametersOf<R (*)(P...)> {};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...) const> : ParametersOf<R (*)(P...)> {};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...) noexcept> : ParametersOf<R (*)(P...)> {};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...) const noexcept> : ParametersOf<R (*)(P...)> {};
template <class F>
  requires requires { &F::operator(); }
struct ParametersOf<F> : ParametersOf<decltype(&F::operator())> {};

// What refers to something that somebody else keeps.
template <class T>
inline constexpr bool refers = std::is_reference_v<T>;
template <class C, class Traits>
inline constexpr bool refers<std::basic_string_view<C, Traits>> = true;
template <class T, std::size_t N>
inline constexpr bool refers<std::span<T, N>> = true;

// Whether each parameter that refers is given a std::reference_wrapper: that is how the caller says that what it
// names lives longer than the task.
template <class Parameters, class... Args>
inline constexpr bool safely_given = true;
template <class... P, class... Args>
  requires(sizeof...(P) == sizeof...(Args))
inline constexpr bool safely_given<std::tuple<P...>, Args...> =
    (... && (!refers<P> || !std::same_as<Args, std::unwrap_reference_t<Args>>));

template <class F, class... Args>
consteval bool takes_no_loose_reference() {
  if constexpr (requires { typename ParametersOf<F>::Types; })
    return safely_given<typename ParametersOf<F>::Types, Args...>;
  else
    return !(... || refers<Args>);
}

// Keeps what the function captured: a coroutine reads it where the function object is.
template <class F, class... Args>
std::invoke_result_t<F&, Args...> call_and_keep(F function, Args... arguments) {
  co_return co_await std::invoke(function, std::move(arguments)...);
}

// The coroutine that awaits an operation.
template <Operation A>
auto coroutine_of(A operation) {
  return as_coro(std::move(operation));
}

// The coroutine `function(arguments...)`, which owns all that it needs: what the function captured, and decayed copies
// of the arguments. A function without captures is simply called.
template <class F, class... Args>
  requires(!Operation<std::remove_cvref_t<F>>)
auto coroutine_of(F&& function, Args&&... arguments) {
  using Function = std::decay_t<F>;
  static_assert(std::invocable<Function&, std::decay_t<Args>...>,
                "a coroutine was expected: a Coro (moved), or a coroutine function and its arguments");
  if constexpr (std::invocable<Function&, std::decay_t<Args>...>) {
    static_assert(is_coro<std::invoke_result_t<Function&, std::decay_t<Args>...>>,
                  "a coroutine was expected: this function does not return a Coro");
    static_assert(takes_no_loose_reference<Function, std::decay_t<Args>...>(),
                  "a task outlives the call that makes it, so its coroutine must take its parameters by value; "
                  "std::ref(x) says that x lives longer than the task");
    if constexpr (std::is_empty_v<Function> || std::is_pointer_v<Function>)
      return std::invoke(function, std::decay_t<Args>(std::forward<Args>(arguments))...);
    else
      return call_and_keep<Function, std::decay_t<Args>...>(std::forward<F>(function),
                                                            std::forward<Args>(arguments)...);
  }
}

}  // namespace evloop
