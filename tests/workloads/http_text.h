#pragma once

#include <string>
#include <string_view>

namespace evloopd::workloads {

// Answers without their dates.
inline std::string undated(std::string answers) {
  constexpr std::string_view date = "\r\nDate: ";
  for (auto at = answers.find(date); at != answers.npos; at = answers.find(date, at))
    answers.erase(at, answers.find('\r', at + date.size()) - at);
  return answers;
}

inline std::string repeat(std::string_view text, int times) {
  std::string all;
  for (; times > 0; --times) all += text;
  return all;
}

}  // namespace evloopd::workloads
