#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "aio/errors.h"
#include "contract/value.h"

// The exceptions of programs: which C++ type stands for which of Python's, and how they appear in traces.
namespace evloop::contract {

class AppError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
class OtherError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Leaves run_forever() at once.
class SystemExit final : public Fatal {
 public:
  explicit SystemExit(std::string text) : message(std::move(text)) {}
  std::string message;
};

// The exception that {"type": ..., "msg": ...} describes.
[[nodiscard]] std::exception_ptr make_exception(const Json& spec);
// ... and how it appears in a headline.
[[nodiscard]] std::string exception_spec_text(const Json& spec);

// "AppError: x": the type's name in Python and, where the contract gives it, the message.
[[nodiscard]] std::string exception_text(const std::exception_ptr& error);
// Whether a clause with these names of types catches `error`.
[[nodiscard]] bool matches(const std::exception_ptr& error, const std::vector<std::string>& types);

}  // namespace evloop::contract
