#pragma once

#include <cstddef>
#include <ostream>
#include <string>

#include "contract/run.h"

namespace evloop::contract {

struct Tally {
  std::size_t passed = 0;
  std::size_t failed = 0;
};

// Runs recorded programs and compares their traces with the recorded ones. `path` is a recording (a line for each
// program with its trace) or a directory of cases (NAME.json and NAME.trace). Tells `out` about the first
// `differences_shown` programs that differ. Throws std::runtime_error if there is nothing to replay.
Tally replay(const std::string& path, MakeSelector make_selector, std::size_t differences_shown, std::ostream& out);

}  // namespace evloop::contract
