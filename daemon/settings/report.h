#pragma once

#include <string>
#include <utility>
#include <vector>

#include "settings/node.h"
#include "settings/problem.h"

namespace evloopd::settings {

// Collects the problems of one file. One thread.
class Report {
 public:
  explicit Report(std::string file) : file_(std::move(file)) {}

  void add(Position position, std::string path, std::string message);
  [[nodiscard]] std::size_t size() const noexcept { return problems_.size(); }
  [[nodiscard]] const std::string& file() const noexcept { return file_; }

  // All of them, in the order of the file.
  [[nodiscard]] std::vector<Problem> take();

 private:
  std::string file_;
  std::vector<Problem> problems_;
};

}  // namespace evloopd::settings
