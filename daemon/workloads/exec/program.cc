#include "workloads/exec/program.h"

#include <utility>

#include "aio/errors.h"

namespace evloopd::workloads {
namespace {

using std::chrono::system_clock;
using State = ProgramSnapshot::State;

}  // namespace

Program::Program(ExecProgramOptions options) : options_(std::move(options)) {
  if (options_.command.empty()) throw evloop::ValueError("the program " + options_.name + " has no command");
  if (options_.mode == ExecMode::schedule && options_.interval <= nanoseconds::zero())
    throw evloop::ValueError("the program " + options_.name + " has no interval");
  if (options_.log_rate < 0) throw evloop::ValueError("the program " + options_.name + " has a log rate below 0");
}

void Program::started(pid_t pid) {
  const std::lock_guard lock(mutex_);
  known_.state = State::running;
  known_.pid = pid;
  known_.since = system_clock::now();
  known_.next.reset();
  ++known_.starts;
}

void Program::stops() {
  const std::lock_guard lock(mutex_);
  known_.next.reset();
  if (known_.state == State::running) known_.state = State::stopping;
}

void Program::ended(pid_t pid, ProgramEnd end) {
  const std::lock_guard lock(mutex_);
  ++known_.ends.at(static_cast<std::size_t>(end.result));
  if (end.result == ProgramEnd::Result::succeeded) known_.last_success = system_clock::now();
  if (pid != known_.pid) return;
  known_.state = State::waiting;
  known_.pid = 0;
  known_.last_end = std::move(end);
}

void Program::waits(evloop::Duration delay) {
  const std::lock_guard lock(mutex_);
  known_.state = State::waiting;
  known_.next = system_clock::now() + std::chrono::duration_cast<system_clock::duration>(delay);
}

void Program::rests() {
  const std::lock_guard lock(mutex_);
  known_.state = State::at_rest;
}

bool Program::is_at_rest() const {
  const std::lock_guard lock(mutex_);
  return known_.state == State::at_rest;
}

void Program::skipped(std::uint64_t times) {
  const std::lock_guard lock(mutex_);
  known_.skipped += times;
}

void Program::wrote(OutputStream stream, std::string line) {
  const std::lock_guard lock(mutex_);
  auto& lines = known_.output.at(static_cast<std::size_t>(stream));
  if (lines.size() == lines_kept) lines.pop_front();
  lines.push_back(std::move(line));
}

void Program::not_logged() {
  const std::lock_guard lock(mutex_);
  ++known_.unlogged;
}

ProgramSnapshot Program::snapshot() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

}  // namespace evloopd::workloads
