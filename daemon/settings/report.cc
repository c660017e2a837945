#include "settings/report.h"

#include <algorithm>
#include <tuple>

namespace evloopd::settings {

void Report::add(Position position, std::string path, std::string message) {
  problems_.push_back({.file = file_,
                       .line = position.line,
                       .column = position.column,
                       .path = std::move(path),
                       .message = std::move(message)});
}

std::vector<Problem> Report::take() {
  std::ranges::sort(problems_, {}, [](const Problem& p) { return std::tie(p.line, p.column, p.path, p.message); });
  return std::exchange(problems_, {});
}

}  // namespace evloopd::settings
