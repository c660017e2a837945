#pragma once

#include <string>

namespace evloopd::settings {

// One thing that is wrong with a configuration file, and how to put it right.
struct Problem {
  std::string file;
  int line = 0;         // from 1; 0: the file as a whole
  int column = 0;       // from 1, in bytes
  std::string path;     // "workloads[0].listen[1].address"; empty: no key in particular
  std::string message;  // what is wrong, what is allowed, what was given

  bool operator==(const Problem&) const = default;
};

// "evloopd.yaml:12:10: loops.count: must be ..., got ..."
[[nodiscard]] std::string to_string(const Problem& problem);

}  // namespace evloopd::settings
