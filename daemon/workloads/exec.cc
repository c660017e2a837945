#include "workloads/exec.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "aio/errors.h"

namespace evloopd::workloads {
namespace {

using std::chrono::system_clock;

constexpr std::array<const char*, ProgramEnd::results> result_words{"succeeded", "failed", "timed_out", "stopped",
                                                                    "not_started"};

std::string time_text(host::WallTime time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}Z", fmt::gmtime(system_clock::to_time_t(time)));
}

double seconds(evloop::Duration time) { return std::chrono::duration<double>(time).count(); }
double seconds(host::WallTime time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

std::string now_text(const ProgramSnapshot& program) {
  using enum ProgramSnapshot::State;
  switch (program.state) {
    case new_: return "not started yet";
    case running: return fmt::format("runs as pid {} since {}", program.pid, time_text(program.since));
    case stopping: return fmt::format("is being stopped: pid {}", program.pid);
    case waiting: return program.next ? "is started again at " + time_text(*program.next) : "does not run";
    case at_rest: return "is over";
  }
  std::unreachable();
}

// "runs as pid 7 since 2026-01-31 10:00:00Z; started 3 times; the last one exited with 1, after 0.3 s"
std::string state_text(const ProgramSnapshot& program) {
  auto text = now_text(program);
  if (program.starts > 0)
    text += fmt::format("; started {} {}", program.starts, program.starts == 1 ? "time" : "times");
  if (program.skipped > 0) text += fmt::format(", {} skipped", program.skipped);
  if (const auto& end = program.last_end) {
    text += "; the last one " + end->text;
    if (end->result != ProgramEnd::Result::not_started) text += fmt::format(", after {:.1f} s", seconds(end->ran));
  }
  return text;
}

std::string lines_text(const std::deque<std::string>& lines) { return fmt::format("{}", fmt::join(lines, "\n")); }

ProgramList::Items programs_of(const ExecOptions& options) {
  if (!options.may_exec) throw evloop::ValueError("programs must not be run");
  ProgramList::Items programs;
  for (const auto& program : options.programs) programs.push_back(std::make_shared<Program>(program));
  return programs;
}

}  // namespace

Exec::Exec(const ExecOptions& options) : list_(std::make_shared<ProgramList>(programs_of(options))) {
  use(std::make_shared<ProcessSlots>());
}

void Exec::use(std::shared_ptr<ProcessSlots> slots) {
  slots_ = std::move(slots);
  for (const auto& program : list_->all()) program->use(slots_->of(program->options().name));
}

std::unique_ptr<host::WorkloadShare> Exec::attach(evloop::EventLoop& loop) {
  if (const auto before = std::exchange(before_, nullptr)) before->dismiss();
  return std::make_unique<ExecShare>(loop, list_);
}

host::Workload::Adoption Exec::adopt(host::Workload& wanted) {
  auto* other = dynamic_cast<Exec*>(&wanted);
  if (!other) return Adoption::impossible;
  other->use(slots_);
  return list_->replace(other->list_->all()) ? Adoption::taken : Adoption::same;
}

void Exec::succeed(host::Workload& before) {
  const auto* other = dynamic_cast<Exec*>(&before);
  if (!other) return;
  use(other->slots_);
  const auto wanted = list_->all();
  before_ = other->list_;
  list_ = std::make_shared<ProgramList>(before_->all());
  list_->replace(wanted);
}

std::vector<host::Fact> Exec::facts() const {
  std::vector<host::Fact> all;
  for (const auto& program : list_->all()) {
    const auto state = program->snapshot();
    const auto& name = program->options().name;
    all.push_back({.name = name, .value = state_text(state)});
    const auto& [out, err] = state.output;
    if (!out.empty()) all.push_back({.name = name + " stdout", .value = lines_text(out)});
    if (!err.empty()) all.push_back({.name = name + " stderr", .value = lines_text(err)});
  }
  return all;
}

std::vector<host::Measure> Exec::measures() const {
  using enum host::Measure::Type;
  std::vector<host::Measure> all;
  for (const auto& each : list_->all()) {
    const auto program = each->snapshot();
    const host::MeasureLabel label{.name = "program", .value = each->options().name};
    const auto add = [&](host::Measure measure) {
      measure.labels.insert(measure.labels.begin(), label);
      all.push_back(std::move(measure));
    };
    const auto count = [&](const char* name, const char* help, std::uint64_t value) {
      add({.name = name, .help = help, .type = counter, .value = static_cast<double>(value)});
    };
    add({.name = "exec_running", .help = "Whether the program runs.", .value = program.pid != 0 ? 1.0 : 0.0});
    count("exec_starts_total", "Times that the program was started.", program.starts);
    for (std::size_t result = 0; result < result_words.size(); ++result)
      add({.name = "exec_ends_total",
           .help = "Times that the program ended or could not be started, by result.",
           .type = counter,
           .value = static_cast<double>(program.ends[result]),
           .labels = {{.name = "result", .value = result_words[result]}}});
    count("exec_skipped_total", "Times of its schedule at which the program was still running.", program.skipped);
    count("exec_unlogged_lines_total", "Lines of output that came too fast for the log.", program.unlogged);
    add({.name = "exec_last_duration_seconds",
         .help = "How long the program ran the last time that it ended; 0 until then.",
         .value = program.last_end ? seconds(program.last_end->ran) : 0.0});
    add({.name = "exec_last_success_timestamp_seconds",
         .help = "When the program last exited with 0; 0 until then.",
         .value = seconds(program.last_success)});
  }
  return all;
}

}  // namespace evloopd::workloads
