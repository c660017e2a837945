#include "contract/value.h"

#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "contract/exceptions.h"

namespace evloop::contract {

Value Value::of(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null: return {};
    case Json::value_t::boolean: return Value(json.get<bool>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned: return Value(json.get<std::int64_t>());
    case Json::value_t::string: return Value(json.get<std::string>());
    case Json::value_t::array: {
      List list;
      for (const auto& item : json) list.push_back(of(item));
      return Value(std::move(list));
    }
    default: throw std::invalid_argument("not a value of a program: " + json.dump());
  }
}

std::string Value::text() const {
  struct Writer {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool truth) const { return text_of(truth); }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return json_text(text); }
    std::string operator()(const List& list) const {
      std::vector<std::string> items;
      for (const auto& item : list) items.push_back(item.text());
      return "[" + join(items) + "]";
    }
    std::string operator()(const std::exception_ptr& error) const { return "<" + exception_text(error) + ">"; }
  };
  return std::visit(Writer(), data_);
}

bool Value::operator<(const Value& other) const {
  return std::get<std::int64_t>(data_) < std::get<std::int64_t>(other.data_);
}
bool Value::operator==(const Value& other) const { return data_ == other.data_; }

std::string json_text(const Json& json) { return json.dump(-1, ' ', true); }

std::string seconds_text(double seconds) {
  char text[64];
  const int length = std::snprintf(text, sizeof text, "%.3f", seconds);
  return {text, static_cast<std::size_t>(length)};
}

std::string seconds_text(TimePoint time) {
  return seconds_text(std::chrono::duration<double>(time.time_since_epoch()).count());
}

std::string join(const std::vector<std::string>& items, const char* separator) {
  std::string all;
  for (const auto& item : items) {
    if (!all.empty()) all += separator;
    all += item;
  }
  return all;
}

Duration to_duration(double seconds) { return Duration(std::llround(seconds * 1e9)); }

}  // namespace evloop::contract
