#include "workloads/exec/process_slot.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <cstdlib>
#include <utility>

#include "aio/sleep.h"
#include "base/system_error.h"
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

bool is_readable(const evloop::UniqueFd& fd) noexcept {
  pollfd asked{.fd = fd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) == 1;
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
  evloop::Child child(spawned.pid);
  evloop::UniqueFd ended(::fcntl(child.exit_fd(), F_DUPFD_CLOEXEC, 0));
  if (!ended) evloop::throw_errno("fcntl");
  auto process = std::make_unique<Process>(shared_from_this(), std::move(child), std::move(spawned.pipes));
  occupant_ = {.leader = spawned.pid,
               .ended = std::move(ended),
               .stop_signal = number_of(options.stop_signal),
               .stop_timeout = options.stop_timeout};
  return process;
}

evloop::Coro<void> ProcessSlot::vacate(std::shared_ptr<ProcessSlot> slot) {
  const auto stop = slot->ask_any();
  if (!stop) co_return;
  const auto& loop = evloop::get_running_loop();
  const auto late = loop.deadline_after(stop->timeout);
  while (slot->holds(stop->leader, loop.time() >= late)) co_await evloop::sleep(poll_interval);
}

void ProcessSlot::signal(int number) const {
  if (!occupant_->left) ::kill(-occupant_->leader, number);
}

void ProcessSlot::ask_occupant() {
  if (!std::exchange(occupant_->asked, true)) signal(occupant_->stop_signal);
}

void ProcessSlot::ask(pid_t leader) {
  const std::lock_guard lock(mutex_);
  if (is_occupant(leader)) ask_occupant();
}

std::optional<ProcessSlot::Stop> ProcessSlot::ask_any() {
  const std::lock_guard lock(mutex_);
  if (!occupant_) return std::nullopt;
  ask_occupant();
  return Stop{.leader = occupant_->leader, .timeout = occupant_->stop_timeout};
}

void ProcessSlot::kill(pid_t leader) {
  const std::lock_guard lock(mutex_);
  if (is_occupant(leader)) signal(SIGKILL);
}

bool ProcessSlot::holds(pid_t leader, bool late) {
  const std::lock_guard lock(mutex_);
  if (!is_occupant(leader)) return false;
  if (late) signal(SIGKILL);
  if ((late || occupant_->left) && is_readable(occupant_->ended)) occupant_.reset();
  return occupant_.has_value();
}

std::optional<int> ProcessSlot::leave(evloop::Child& child) {
  const std::lock_guard lock(mutex_);
  ::kill(-child.pid(), SIGKILL);  // before it is reaped: from then on the number may be another group's
  const auto status = child.reap();
  if (is_occupant(child.pid())) {
    occupant_->left = true;
    if (status) occupant_.reset();
  }
  return status;
}

// --- one process ---

ProcessSlot::Process::Process(std::shared_ptr<ProcessSlot> slot, evloop::Child child,
                              std::array<evloop::UniqueFd, 3> ends)
    : pipes{std::move(ends[1]), std::move(ends[2])}, slot_(std::move(slot)), child_(std::move(child)) {}

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
