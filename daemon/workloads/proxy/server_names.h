#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace evloopd::workloads {

// What belongs to which name of a server. "*.example.org" stands for the names with one label more; a name itself goes
// before it. Names are compared in lower case.
template <class T>
class ServerNames {
 public:
  void add(std::string_view name, T value) { values_.insert_or_assign(lower(name), std::move(value)); }
  // Null if it belongs to nothing.
  [[nodiscard]] const T* find(std::string_view name) const {
    if (values_.empty() || name.empty()) return nullptr;
    const auto exact = lower(name);
    if (const auto found = values_.find(exact); found != values_.end()) return &found->second;
    const auto dot = exact.find('.');
    if (dot == exact.npos) return nullptr;
    const auto found = values_.find("*" + exact.substr(dot));
    return found == values_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }

 private:
  static std::string lower(std::string_view name) {
    std::string text(name);
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
  }

  std::map<std::string, T> values_;
};

}  // namespace evloopd::workloads
