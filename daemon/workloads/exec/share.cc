#include "workloads/exec/share.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <utility>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "base/log.h"
#include "workloads/exec/backoff.h"
#include "workloads/exec/program_run.h"
#include "workloads/exec/schedule.h"

namespace evloopd::workloads {
namespace {

using evloop::Coro;
using evloop::Duration;
using Result = ProgramEnd::Result;

constexpr Duration tell_interval = std::chrono::seconds(10);  // of lines that were not logged

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

std::string status_text(int status) {
  if (status >= 0) return fmt::format("exited with {}", status);
  const char* const name = ::sigabbrev_np(-status);
  return fmt::format("was ended by signal {} ({})", -status, name ? name : "unknown");
}

}  // namespace

// What the tasks have of their share, which may go before they have noticed that they are cancelled.
struct ExecShare::Duty {
  ExecShare* share;
  std::shared_ptr<ProgramList> list;
  std::uint64_t number = 0;
  std::string workload{};
  std::atomic<std::size_t> processes{0};

  [[nodiscard]] bool is_over() const noexcept { return !share || !list->is_current(number); }
  void tell(evloop::LogLevel level, const Program& program, const std::string& what) const {
    evloop::log(level, fmt::format("workload {}: program {} {}", workload, program.options().name, what));
  }
};

// One program's.
struct ExecShare::Turn {
  std::shared_ptr<Duty> duty;
  std::shared_ptr<Program> program;
  std::unique_ptr<ProgramRun> run{};  // null: there is no process
  pid_t pid = 0;                      // ... of this run
  bool timed_out = false;             // ... of this run
  bool last = false;
  host::TokenBucket log_pace{};
  std::uint64_t unlogged = 0;  // lines that the log has not been told of
  evloop::TimePoint next_tell{};

  [[nodiscard]] bool is_over() const noexcept { return last || duty->is_over(); }
  void begin(std::unique_ptr<ProgramRun> begun, pid_t leader) {
    run = std::move(begun);
    pid = leader;
    timed_out = false;
    duty->processes.fetch_add(1, std::memory_order_relaxed);
    program->started(pid);
  }
  void end(ProgramEnd how) {
    if (!std::exchange(run, nullptr)) return;
    duty->processes.fetch_sub(1, std::memory_order_relaxed);
    program->ended(pid, std::move(how));
  }
  // The process is killed, and nobody waits for it.
  void cut() { end({.result = Result::stopped, .text = "was killed"}); }
  void time_out() {
    if (!run) return;
    timed_out = true;
    run->stop();
  }

  void wrote(OutputStream stream, std::string line, evloop::TimePoint now) {
    const auto rate = static_cast<std::size_t>(program->options().log_rate);
    if (rate > 0 && log_pace.take(rate, now) == Duration::zero()) {
      if (unlogged > 0 && now >= next_tell) {
        tell_unlogged();
        next_tell = now + tell_interval;
      }
      duty->tell(evloop::LogLevel::info, *program, (stream == OutputStream::std_out ? "stdout: " : "stderr: ") + line);
    } else if (rate > 0) {
      program->not_logged();
      ++unlogged;
    }
    program->wrote(stream, std::move(line));
  }
  void tell_unlogged() {
    if (const auto lines = std::exchange(unlogged, 0); lines > 0)
      duty->tell(evloop::LogLevel::warning, *program,
                 fmt::format("has written {} lines too fast for the log (log_rate)", lines));
  }
};

ExecShare::ExecShare(evloop::EventLoop& loop, std::shared_ptr<ProgramList> list)
    : loop_(loop), list_(std::move(list)), duty_(std::make_shared<Duty>(this, list_)) {
  // The list must not hold what holds the list.
  duty_->number = list_->take_over(loop.port(), [weak = std::weak_ptr(duty_)] {
    if (const auto duty = weak.lock(); duty && !duty->is_over()) duty->share->work();
  });
  work();
}

ExecShare::~ExecShare() {
  duty_->share = nullptr;
  for (const auto& keeping : keepings_) {
    if (!loop_.is_closed()) keeping.task.cancel();
    keeping.turn->cut();
  }
}

void ExecShare::introduce(const host::ShareNames& names) { duty_->workload = names.workload; }

std::size_t ExecShare::connections() const { return duty_->processes.load(std::memory_order_relaxed); }

void ExecShare::drain() {
  resting_ = true;
  for (const auto& keeping : keepings_) end(keeping);
}

void ExecShare::resume() {
  if (std::exchange(resting_, false)) work();
}

void ExecShare::abort() {
  drain();
  for (const auto& keeping : keepings_)
    if (keeping.turn->run) keeping.turn->run->kill();
}

void ExecShare::work() {
  if (resting_) return;
  const auto wanted = list_->all();
  for (const auto& keeping : keepings_)
    if (std::ranges::find(wanted, keeping.program) == wanted.end()) end(keeping);
  std::erase_if(keepings_, [](const Keeping& keeping) { return keeping.task.done(); });
  for (const auto& program : wanted) {
    const auto is_kept = [&](const Keeping& keeping) { return keeping.program == program && !keeping.turn->last; };
    if (program->is_at_rest() || std::ranges::any_of(keepings_, is_kept)) continue;
    auto turn = std::make_shared<Turn>(duty_, program);
    auto task =
        loop_.create_task(keep(program, turn, std::random_device()()), {.name = "exec " + program->options().name});
    keepings_.push_back({.program = program, .turn = std::move(turn), .task = std::move(task)});
  }
}

void ExecShare::end(const Keeping& keeping) {
  auto& turn = *keeping.turn;
  if (std::exchange(turn.last, true)) return;
  if (!turn.duty->is_over()) keeping.program->stops();
  if (turn.run)
    turn.run->stop();
  else
    keeping.task.cancel();
}

Coro<void> ExecShare::keep(std::shared_ptr<Program> program, std::shared_ptr<Turn> turn, std::uint32_t seed) {
  switch (program->options().mode) {
    case ExecMode::supervise: co_return co_await supervise(program, turn, seed);
    case ExecMode::schedule: co_return co_await run_at_intervals(program, turn);
    case ExecMode::once:
      co_await run_once(program, turn);
      if (!turn->is_over()) program->rests();
  }
}

Coro<void> ExecShare::supervise(std::shared_ptr<Program> program, std::shared_ptr<Turn> turn, std::uint32_t seed) {
  const auto& options = program->options();
  Backoff backoff(options, seed);
  while (!turn->is_over()) {
    const auto end = co_await run_once(program, turn);
    if (turn->is_over()) break;
    if (end.result == Result::succeeded && options.restart == ExecRestart::on_failure) {
      program->rests();
      break;
    }
    const auto delay = backoff.next(end.ran);
    program->waits(delay);
    co_await evloop::sleep(delay);
  }
}

Coro<void> ExecShare::run_at_intervals(std::shared_ptr<Program> program, std::shared_ptr<Turn> turn) {
  const auto& loop = evloop::get_running_loop();
  for (auto time = loop.time(); !turn->is_over();) {
    co_await run_once(program, turn);
    if (turn->is_over()) break;
    const auto next = next_run(time, program->options().interval, loop.time());
    program->skipped(next.skipped);
    time = next.at;
    program->waits(time - loop.time());
    co_await evloop::sleep(time - loop.time());
  }
}

Coro<ProgramEnd> ExecShare::run_once(std::shared_ptr<Program> program, std::shared_ptr<Turn> turn) {
  auto& loop = evloop::get_running_loop();
  const auto& options = program->options();
  const auto& duty = *turn->duty;
  try {
    std::unique_ptr<ProcessSlot::Process> process;
    while (!process) {
      co_await ProcessSlot::vacate(program->slot());
      if (turn->is_over()) co_return ProgramEnd{.result = Result::stopped};
      process = program->slot()->start(options, [&] { return !turn->is_over(); });
    }
    const auto pid = process->pid();
    auto run = std::make_unique<ProgramRun>(loop, std::move(process), options.stop_timeout,
                                            [&loop, &turn = *turn](OutputStream stream, std::string line) {
                                              turn.wrote(stream, std::move(line), loop.time());
                                            });
    turn->begin(std::move(run), pid);
  } catch (const std::exception& error) {
    ProgramEnd end{.result = Result::not_started, .text = fmt::format("could not be started: {}", error.what())};
    duty.tell(evloop::LogLevel::warning, *program, end.text);
    program->ended(0, end);
    co_return end;
  }
  duty.tell(evloop::LogLevel::info, *program, fmt::format("runs as pid {}", turn->pid));

  const auto begun = loop.time();
  evloop::TimerHandle timeout;
  if (options.mode != ExecMode::supervise && options.timeout > nanoseconds::zero())
    timeout = loop.call_later(options.timeout, [turn] { turn->time_out(); });
  const auto status = co_await evloop::settled(turn->run->ended());
  timeout.cancel();
  if (!status) {
    turn->cut();
    std::rethrow_exception(status.error());
  }

  ProgramEnd end{.text = status_text(status.value()), .ran = loop.time() - begun};
  if (turn->timed_out) {
    end.result = Result::timed_out;
    end.text = "was stopped after its timeout: " + end.text;
  } else if (turn->is_over()) {
    end.result = Result::stopped;
    end.text = "was stopped: " + end.text;
  } else {
    end.result = status.value() == 0 ? Result::succeeded : Result::failed;
  }
  turn->tell_unlogged();
  const bool well = end.result == Result::succeeded || end.result == Result::stopped;
  duty.tell(well ? evloop::LogLevel::info : evloop::LogLevel::warning, *program,
            fmt::format("{}, after {:.1f} s", end.text, seconds(end.ran)));
  turn->end(end);
  co_return end;
}

}  // namespace evloopd::workloads
