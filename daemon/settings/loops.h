#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/loop_host.h"
#include "settings/value.h"

namespace evloopd::settings {

inline constexpr int max_loops = 256;

// The loops of a file.
struct Loops {
  std::vector<host::LoopOptions> options;
  std::map<std::string, std::vector<std::string>> groups;  // "io-{index}" to the names made of it
  bool complete = true;                                    // false: problems were reported, loops may be missing
};

// Reads `loops`: one group or a list of groups. Absent: one group with all defaults.
[[nodiscard]] Loops read_loops(const Value& value, Reading& reading);

}  // namespace evloopd::settings
