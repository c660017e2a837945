#pragma once

#include <exception>
#include <optional>
#include <utility>
#include <variant>

#include "aio/errors.h"

namespace evloop {

// Stands for "no value" where a type is needed.
struct Unit {
  friend bool operator==(Unit, Unit) = default;
};
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, Unit, T>;

// How something ended: with a value or with an exception. A value type.
template <class T>
class Outcome {
 public:
  Outcome() = default;  // no value and no exception yet
  static Outcome of(Stored<T> value) {
    Outcome outcome;
    outcome.set_value(std::move(value));
    return outcome;
  }
  static Outcome failed(std::exception_ptr error) {
    Outcome outcome;
    outcome.set_error(std::move(error));
    return outcome;
  }
  template <class U>
  void set_value(U&& value) {
    state_.template emplace<1>(std::forward<U>(value));
  }
  void set_error(std::exception_ptr error) noexcept { state_.template emplace<2>(std::move(error)); }

  [[nodiscard]] bool empty() const noexcept { return state_.index() == 0; }
  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 1; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
  [[nodiscard]] std::exception_ptr error() const noexcept {
    const auto* error = std::get_if<2>(&state_);
    return error ? *error : nullptr;
  }
  // Ended with CancelledError.
  [[nodiscard]] bool cancelled() const { return holds<CancelledError>(error()); }

  [[nodiscard]] Stored<T>& value() & { return std::get<1>(state_); }
  [[nodiscard]] const Stored<T>& value() const& { return std::get<1>(state_); }

  // The value, or throws the exception.
  T take() && {
    if (auto* error = std::get_if<2>(&state_)) std::rethrow_exception(std::move(*error));
    if constexpr (!std::is_void_v<T>) return std::move(std::get<1>(state_));
  }

 private:
  std::variant<std::monostate, Stored<T>, std::exception_ptr> state_;
};

}  // namespace evloop
