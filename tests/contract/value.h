#pragma once

#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace evloop::contract {

using Json = nlohmann::json;

// What programs compute with: null, a boolean, an integer, a text, or a list of values; a list of results may also
// hold exceptions.
class Value {
 public:
  using List = std::vector<Value>;

  Value() = default;
  explicit Value(bool truth) : data_(truth) {}
  explicit Value(std::int64_t number) : data_(number) {}
  explicit Value(std::string text) : data_(std::move(text)) {}
  explicit Value(List list) : data_(std::move(list)) {}
  explicit Value(std::exception_ptr error) : data_(std::move(error)) {}
  [[nodiscard]] static Value of(const Json& json);

  // As it appears in traces: compact JSON; an exception as <AppError: x>.
  [[nodiscard]] std::string text() const;

  // The order that a priority queue asks for: its items are integers.
  [[nodiscard]] bool operator<(const Value& other) const;
  [[nodiscard]] bool operator==(const Value& other) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, std::string, List, std::exception_ptr> data_;
};

// Texts of the trace.
[[nodiscard]] std::string json_text(const Json& json);
[[nodiscard]] inline std::string text_of(bool truth) { return truth ? "true" : "false"; }
[[nodiscard]] inline std::string text_of(std::size_t number) { return std::to_string(number); }
[[nodiscard]] std::string seconds_text(double seconds);
[[nodiscard]] std::string seconds_text(TimePoint time);
[[nodiscard]] std::string join(const std::vector<std::string>& items, const char* separator = ",");

// Times of programs are multiples of 1/8 s: exact as a double and as a Duration.
[[nodiscard]] Duration to_duration(double seconds);

}  // namespace evloop::contract
