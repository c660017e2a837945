#include "settings/problem.h"

#include <fmt/format.h>

namespace evloopd::settings {

std::string to_string(const Problem& problem) {
  auto text = problem.file;
  if (problem.line > 0) text += fmt::format(":{}:{}", problem.line, problem.column);
  if (!problem.path.empty()) text += ": " + problem.path;
  return text + ": " + problem.message;
}

}  // namespace evloopd::settings
