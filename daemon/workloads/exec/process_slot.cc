#include "workloads/exec/process_slot.h"

#include <signal.h>
#include <sys/wait.h>

#include <cstdlib>
#include <utility>

#include "aio/sleep.h"
#include "net/process/spawn.h"

namespace evloopd::workloads {
namespace {

using namespace std::chrono_literals;

constexpr auto poll_interval = 10ms;  // of a process that somebody else has to reap

int number_of(ExecSignal signal) {
  static constexpr std::array numbers{SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGKILL};
  return numbers.at(static_cast<std::size_t>(signal));
}

// A daemon's own environment may hold secrets: of it a program gets only what nearly every one needs.
std::map<std::string, std::string> environment_of(const ExecProgramOptions& options) {
  auto all = options.environment;
  for (const char* name : {"PATH", "HOME", "LANG", "TZ"})
    if (const char* value = std::getenv(name)) all.emplace(name, value);
  return all;
}

// Of a child that nobody has reaped.
bool has_exited(pid_t pid) noexcept {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

}  // namespace

std::unique_ptr<ProcessSlot::Process> ProcessSlot::start(const ExecProgramOptions& options,
                                                         const std::function<bool()>& wanted) {
  const std::lock_guard lock(mutex_);
  if (occupant_ || !wanted()) return nullptr;
  const auto pipe = evloop::Stdio::pipe();
  auto spawned = evloop::spawn(options.command, {.std_in = evloop::Stdio::devnull(),
                                                 .std_out = pipe,
                                                 .std_err = pipe,
                                                 .env = environment_of(options),
                                                 .cwd = options.directory,
                                                 .start_new_session = true});
  auto process = std::make_unique<Process>(shared_from_this(), spawned.pid, std::move(spawned.pipes));
  occupant_ = {
      .leader = spawned.pid, .stop_signal = number_of(options.stop_signal), .stop_timeout = options.stop_timeout};
  return process;
}

evloop::Coro<void> ProcessSlot::vacate(std::shared_ptr<ProcessSlot> slot) {
  const auto there = slot->occupant();
  if (!there) co_return;
  const auto& loop = evloop::get_running_loop();
  slot->ask(there->leader);
  const auto late = loop.deadline_after(there->stop_timeout);
  for (auto now = slot->occupant(); now && now->leader == there->leader; now = slot->occupant()) {
    if (loop.time() >= late) slot->evict(there->leader);
    co_await evloop::sleep(poll_interval);
  }
}

void ProcessSlot::ask(pid_t leader) {
  const std::lock_guard lock(mutex_);
  if (is_occupant(leader) && !std::exchange(occupant_->asked, true)) ::kill(-leader, occupant_->stop_signal);
}

void ProcessSlot::kill(pid_t leader) {
  const std::lock_guard lock(mutex_);
  if (is_occupant(leader)) ::kill(-leader, SIGKILL);
}

void ProcessSlot::evict(pid_t leader) {
  const std::lock_guard lock(mutex_);
  if (!is_occupant(leader)) return;
  ::kill(-leader, SIGKILL);
  if (has_exited(leader)) occupant_.reset();
}

std::optional<int> ProcessSlot::leave(evloop::Child& child) {
  const std::lock_guard lock(mutex_);
  ::kill(-child.pid(), SIGKILL);  // before it is reaped: from then on the number may be another group's
  if (is_occupant(child.pid())) occupant_.reset();
  return child.reap();
}

std::optional<ProcessSlot::Occupant> ProcessSlot::occupant() const {
  const std::lock_guard lock(mutex_);
  return occupant_;
}

// --- one process ---

ProcessSlot::Process::Process(std::shared_ptr<ProcessSlot> slot, pid_t pid, std::array<evloop::UniqueFd, 3> ends)
    : pipes{std::move(ends[1]), std::move(ends[2])}, slot_(std::move(slot)), child_(pid) {}

int ProcessSlot::Process::reap() {
  reaped_ = true;
  return slot_->leave(child_).value_or(-SIGKILL);
}

// --- all of a workload ---

std::shared_ptr<ProcessSlot> ProcessSlots::of(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::erase_if(slots_, [](const auto& each) { return each.second.expired(); });
  auto& known = slots_[name];
  auto slot = known.lock();
  if (!slot) known = slot = std::make_shared<ProcessSlot>();
  return slot;
}

}  // namespace evloopd::workloads
