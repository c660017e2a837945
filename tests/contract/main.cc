// oracle_runner: executes programs on our event loop and prints their traces, which must be those of CPython's asyncio.
//
//   oracle_runner [--poll] < programs.jsonl          one program a line; a trace block for each
//   oracle_runner [--poll] FILE...                   programs from files
//   oracle_runner [--poll] replay PATH...            compares with recorded traces; exit status 1 if any differs
//
// --poll: the loops use poll() instead of epoll.

#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "contract/program.h"
#include "contract/replay.h"
#include "contract/run.h"
#include "contract/watchdog.h"

namespace evloop::contract {
namespace {

// Flushed at both ends: if the process dies, the incomplete block names the program to blame.
void print_trace(const Json& json, MakeSelector make_selector) {
  const Program program(json);
  const Watchdog watchdog(program.name);
  std::cout << "program " << program.name << "\n" << std::flush;
  std::cout << Run(program, make_selector).execute();
  std::cout << "end\n" << std::flush;
}

// One program a line, or a single one in the whole text.
void run_all(std::istream& in, MakeSelector make_selector) {
  std::string line;
  if (!std::getline(in, line)) return;
  if (!Json::accept(line)) {
    line.append("\n").append(std::istreambuf_iterator<char>(in), {});
    return print_trace(Json::parse(line), make_selector);
  }
  do {
    if (!line.empty()) print_trace(Json::parse(line), make_selector);
  } while (std::getline(in, line));
}

int replay_all(std::span<char*> paths, MakeSelector make_selector) {
  constexpr std::size_t differences_shown = 3;
  Tally total;
  for (const auto* path : paths) {
    const auto tally = replay(path, make_selector, differences_shown, std::cout);
    std::cout << path << ": " << tally.passed << " passed, " << tally.failed << " failed\n";
    total.passed += tally.passed;
    total.failed += tally.failed;
  }
  return total.passed > 0 && total.failed == 0 ? 0 : 1;
}

int run(std::span<char*> arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto begins_with = [&](std::string_view word) { return !arguments.empty() && arguments.front() == word; };
  const bool poll = begins_with("--poll");
  if (poll) arguments = arguments.subspan(1);
  const auto make_selector = poll ? make_poll_selector : make_epoll_selector;
  if (begins_with("replay")) return replay_all(arguments.subspan(1), make_selector);
  if (arguments.empty()) run_all(std::cin, make_selector);
  for (const auto* path : arguments) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(std::string("cannot read ") + path);
    run_all(file, make_selector);
  }
  return 0;
}

}  // namespace
}  // namespace evloop::contract

int main(int argc, char** argv) {
  try {
    return evloop::contract::run(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  } catch (const std::exception& error) {
    std::cerr << "oracle_runner: " << error.what() << "\n";
    return 1;
  }
}
