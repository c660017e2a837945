// Any bytes as a configuration: they load, or they have problems that point into the file. What loads prints as YAML
// that loads to the same settings.
#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

#include "fuzz/target.h"
#include "settings/load.h"
#include "settings/print.h"

namespace {

using namespace evloopd::settings;

const Environment environment{.variable = [](const std::string& name) -> std::optional<std::string> {
                                if (name == "E") return "";
                                if (name == "V") return "8";
                                return std::nullopt;
                              },
                              .runtime_directory = "/run/fuzz",
                              .cpus = 2};

void check_problem(const Problem& problem, int lines) {
  const auto text = to_string(problem);
  if (problem.message.empty()) throw std::logic_error("a problem without a message: " + text);
  // One line more: where a file ends too early, that is where the next one would be.
  if (problem.line < 0 || problem.line > lines + 1 || (problem.line > 0) != (problem.column > 0))
    throw std::logic_error("a position outside of the file: " + text);
  if (text.find('\n') != text.npos) throw std::logic_error("a problem of more than one line: " + text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto settings = load_text("f", text, environment);
  if (!settings) {
    if (settings.error().empty()) throw std::logic_error("refused without a problem");
    // yaml-cpp also counts a lone carriage return as the end of a line.
    const auto lines = 1 + std::ranges::count_if(text, [](char c) { return c == '\n' || c == '\r'; });
    for (const auto& problem : settings.error()) check_problem(problem, static_cast<int>(lines));
    return 0;
  }
  const auto printed = print_config(*settings);
  const auto again = load_text("f", printed, environment);
  if (!again) throw std::logic_error(to_string(again.error().front()) + "\nin what was printed:\n" + printed);
  if (print_config(*again) != printed) throw std::logic_error("does not load back to the same:\n" + printed);
  return 0;
}
