#include "contract/replay.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "contract/program.h"
#include "contract/run.h"
#include "contract/watchdog.h"

namespace evloop::contract {
namespace {

using Lines = std::vector<std::string>;

Lines split(const std::string& text) {
  Lines lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void show(const Lines& expected, const Lines& actual, std::ostream& out) {
  constexpr std::size_t context = 4;
  const auto [first, ignored] = std::ranges::mismatch(expected, actual);
  const auto at = static_cast<std::size_t>(first - expected.begin());
  for (auto n = at - std::min(at, context); n < at; ++n) out << "    " << expected[n] << "\n";
  for (const auto& [mark, lines] : {std::pair("  - ", &expected), std::pair("  + ", &actual)})
    for (auto n = at; n < std::min(at + context, lines->size()); ++n) out << mark << (*lines)[n] << "\n";
}

class Replay {
 public:
  Replay(MakeSelector make_selector, std::size_t differences_shown, std::ostream& out)
      : make_selector_(make_selector), differences_shown_(differences_shown), out_(out) {}

  void check(const Json& json, const Lines& expected) {
    const Program program(json);
    const Watchdog watchdog(program.name);
    const auto actual = split(Run(program, make_selector_).execute());
    if (actual == expected) {
      ++tally_.passed;
      return;
    }
    if (tally_.failed++ >= differences_shown_) return;
    out_ << program.name << " differs (- expected, + this loop):\n";
    show(expected, actual, out_);
  }
  [[nodiscard]] Tally tally() const noexcept { return tally_; }

 private:
  const MakeSelector make_selector_;
  const std::size_t differences_shown_;
  std::ostream& out_;
  Tally tally_;
};

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return std::move(text).str();
}

// The trace without the two lines around it.
void check_case(Replay& replay, const std::filesystem::path& file) {
  auto trace = split(content(std::filesystem::path(file).replace_extension(".trace")));
  if (trace.size() < 2 || !trace.front().starts_with("program ") || trace.back() != "end")
    throw std::runtime_error("no trace for " + file.string());
  trace.pop_back();
  trace.erase(trace.begin());
  replay.check(Json::parse(content(file)), trace);
}

// The first line names the interpreter.
void check_recording(Replay& replay, const std::filesystem::path& file) {
  const auto lines = split(content(file));
  for (std::size_t n = 1; n < lines.size(); ++n) {
    const auto recorded = Json::parse(lines[n]);
    replay.check(recorded.at("program"), recorded.at("trace").get<Lines>());
  }
}

}  // namespace

Tally replay(const std::string& path, MakeSelector make_selector, std::size_t differences_shown, std::ostream& out) {
  Replay replay(make_selector, differences_shown, out);
  if (std::filesystem::is_directory(path)) {
    std::vector<std::filesystem::path> cases;
    for (const auto& entry : std::filesystem::directory_iterator(path))
      if (entry.path().extension() == ".json") cases.push_back(entry.path());
    std::ranges::sort(cases);
    for (const auto& one : cases) check_case(replay, one);
  } else {
    check_recording(replay, path);
  }
  const auto tally = replay.tally();
  if (tally.passed + tally.failed == 0) throw std::runtime_error("nothing to replay in " + path);
  return tally;
}

}  // namespace evloop::contract
