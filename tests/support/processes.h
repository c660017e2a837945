#pragma once

#include <sys/types.h>

#include <fstream>
#include <string>

namespace evloop {

// Whether a process has ended, be it reaped or not: what has lost its parent is reaped by somebody else. It may go
// while this reads: then getline() fails, where an iterator over the file would throw.
inline bool has_ended(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto state = text.rfind(") ");
  return state == text.npos || text[state + 2] == 'Z' || text[state + 2] == 'X';
}

}  // namespace evloop
