#include "host/loop_health.h"

#include <fmt/format.h>

#include <utility>

#include "host/inspection.h"

namespace evloopd::host {
namespace {

using evloop::LogLevel;

// Degraded after an exception that nobody caught, for so long.
constexpr std::chrono::seconds errors_count_for{60};

// The word for a condition's reason: "Running".
const char* word(LoopState state) {
  switch (state) {
    case LoopState::created: return "Created";
    case LoopState::starting: return "Starting";
    case LoopState::running: return "Running";
    case LoopState::draining: return "Draining";
    case LoopState::stopping: return "Stopping";
    case LoopState::stopped: return "Stopped";
    case LoopState::closing: return "Closing";
    case LoopState::closed: return "Closed";
    case LoopState::failed: return "Failed";
    case LoopState::quarantined: return "Quarantined";
  }
  return "";
}

// A callback that is under way counts as busy time before it has ended.
Nanos busy_time(const evloop::LoopPort& port) {
  const auto busy = evloop::CycleClock::to_nanos(port.stats.busy.get());
  const auto current = port.current.read();
  return current ? busy + time_since(current->since) : busy;
}

double seconds(Nanos time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

LoopHealth::LoopHealth(std::shared_ptr<const LoopName> loop, std::shared_ptr<const evloop::LoopPort> port,
                       Nanos stall_warn, Nanos stall_critical)
    : loop_(std::move(loop)), port_(std::move(port)), stall_warn_(stall_warn), stall_critical_(stall_critical) {
  const auto now = std::chrono::system_clock::now();
  conditions_[ready] = {.type = "Ready", .status = false, .reason = "Created", .since = now};
  conditions_[accepting] = {.type = "Accepting", .status = false, .reason = "NoListener", .since = now};
  conditions_[stalled] = {.type = "Stalled", .status = false, .reason = "", .since = now};
  conditions_[degraded] = {.type = "Degraded", .status = false, .reason = "", .since = now};
}

bool LoopHealth::look(Utilisation::Time now) {
  std::vector<Line> lines;
  bool has_run = false;
  {
    const std::lock_guard lock(mutex_);
    const auto iterations = port_->stats.iterations.get();
    has_run = std::exchange(iterations_, iterations) != iterations || port_->current.read();
    utilisation_.add(now, busy_time(*port_));
    look_for_stall();
    look_for_errors(now);
    lines = std::exchange(lines_, {});
  }
  for (const auto& line : lines) evloop::log(line.level, line.text);
  return has_run;
}

void LoopHealth::look_for_stall() {
  const auto current = port_->current.read();
  if (stall_ && (!current || current->since != stall_->since)) close_stall();
  if (!current) return;
  const auto elapsed = time_since(current->since);
  if (elapsed < stall_warn_) return;
  if (!stall_) {
    const auto callback = read_current(*port_);
    if (!callback) return;  // it has ended just now
    stall_ = Stall{.since = current->since, .what = describe(*callback), .critical = false};
    ++stalls_;
    set(stalled, true, "CallbackHoldsLoop");
    lines_.push_back({LogLevel::warning, fmt::format("loop {} is stalled by {}", loop_->get(), stall_->what)});
  }
  if (elapsed < stall_critical_ || stall_->critical) return;
  stall_->critical = true;
  stuck_.store(true, std::memory_order_relaxed);
  update_ready();
  lines_.push_back({LogLevel::error, fmt::format("loop {} has been stalled for {:.3f} s; it began with {}",
                                                 loop_->get(), seconds(elapsed), stall_->what)});
}

void LoopHealth::close_stall() {
  lines_.push_back({LogLevel::info, fmt::format("loop {} goes on after a stall of about {:.3f} s; it began with {}",
                                                loop_->get(), seconds(time_since(stall_->since)), stall_->what)});
  stall_.reset();
  stuck_.store(false, std::memory_order_relaxed);
  set(stalled, false, "");
  update_ready();
}

void LoopHealth::look_for_errors(Utilisation::Time now) {
  const auto exceptions = port_->stats.exceptions.get();
  if (exceptions != exceptions_) {
    exceptions_ = exceptions;
    last_exception_ = now;
    set(degraded, true, "UncaughtException");
  } else if (conditions_[degraded].status && now - last_exception_ > errors_count_for) {
    set(degraded, false, "");
  }
}

void LoopHealth::set_state(LoopState state) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  update_ready();
  update_accepting();
}

void LoopHealth::set_accepting(bool accepts) {
  const std::lock_guard lock(mutex_);
  accepts_ = accepts;
  update_accepting();
}

void LoopHealth::update_accepting() {
  const char* const without = state_ == LoopState::running ? "NoListener" : word(state_);
  set(accepting, accepts_, accepts_ ? "ListenerWatched" : without);
}

void LoopHealth::update_ready() {
  const bool stuck = stall_ && stall_->critical;
  set(ready, state_ == LoopState::running && !stuck, stuck ? "Stalled" : word(state_));
}

void LoopHealth::set(Type type, bool status, const char* reason) {
  auto& condition = conditions_[type];
  if (condition.status != status) condition.since = std::chrono::system_clock::now();
  condition.status = status;
  condition.reason = reason;
}

void LoopHealth::fill(LoopSnapshot& snapshot) const {
  const std::lock_guard lock(mutex_);
  snapshot.utilisation_1s = utilisation_.over(std::chrono::seconds(1));
  snapshot.utilisation_10s = utilisation_.over(std::chrono::seconds(10));
  snapshot.utilisation_60s = utilisation_.over(std::chrono::seconds(60));
  snapshot.stalled = stall_.has_value();
  snapshot.stalls = stalls_;
  snapshot.conditions.assign(conditions_.begin(), conditions_.end());
}

}  // namespace evloopd::host
