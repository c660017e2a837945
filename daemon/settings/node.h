#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace evloopd::settings {

// Both from 1; 0: unknown.
struct Position {
  int line = 0;
  int column = 0;
};

struct Node;
using NodePtr = std::shared_ptr<const Node>;  // shared where the file says so, by an alias

// One value of a YAML file as it was written: no types yet, nothing filled in. Immutable once parsed.
struct Node {
  enum class Kind { null, scalar, sequence, mapping };
  struct Entry {
    std::string key;
    Position position;
    NodePtr value;
  };

  Kind kind = Kind::null;
  Position position;
  std::string text;            // of a scalar
  std::vector<NodePtr> items;  // of a sequence
  std::vector<Entry> entries;  // of a mapping; keys are unique
  std::size_t weight = 1;      // values below it and itself, shared ones counted at each place
};

}  // namespace evloopd::settings
