#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace evloopd::workloads {

// Makes lines of what a program writes: each one fit for a log, whatever was written. One thread.
//
// Control characters and bytes that are no UTF-8 are written as \t or \x1b. A line of more than `longest` bytes is cut,
// and says so.
class LineSplitter {
 public:
  static constexpr std::size_t longest = 1024;
  using Line = std::function<void(std::string)>;

  // Calls `line` for each line that is complete.
  void take(std::string_view bytes, const Line& line);
  // It is over: what is left is a line, too.
  void finish(const Line& line);

 private:
  void append(std::string_view bytes);
  void end(const Line& line);

  std::string pending_;  // as it came
  bool is_cut_ = false;
};

}  // namespace evloopd::workloads
