#include "workloads/proxy/fault_switch.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "host/signals_blocked.h"
#include "workloads/upstreams/hash.h"

namespace evloopd::workloads {
namespace {

using host::FaultDirection;
using host::FaultSpec;
using std::chrono::nanoseconds;

double seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

// "latency 0.02 s, jitter 0.005 s; 50 % of the connections, both ways".
std::string text_of(const FaultSpec& spec) {
  if (!spec.any()) return "none";
  std::string text;
  const auto add = [&](bool there, const std::string& what) {
    if (there) text += (text.empty() ? "" : ", ") + what;
  };
  const auto add_time = [&](const char* what, nanoseconds time) {
    add(time.count() > 0, fmt::format("{} {} s", what, seconds(time)));
  };
  add_time("latency", spec.latency);
  add_time("jitter", spec.jitter);
  add(spec.bandwidth > 0, fmt::format("{} bytes a second", spec.bandwidth));
  add(spec.slice_size > 0, fmt::format("pieces of {} bytes", spec.slice_size));
  add_time("between them", spec.slice_delay);
  add(spec.blackhole, "nothing arrives");
  add(spec.reset_bytes > 0, fmt::format("reset after {} bytes", spec.reset_bytes));
  add_time("reset after", spec.reset_time);
  constexpr const char* ways[] = {"both ways", "to upstreams", "to clients"};
  return text + fmt::format("; {} % of the connections, {}", spec.percent, ways[static_cast<int>(spec.direction)]);
}

// The fields are those of the call that sets them.
host::HostResult<void> check(const FaultSpec& spec, nanoseconds ttl) {
  struct Time {
    const char* field;
    nanoseconds value, least, most;
  };
  constexpr nanoseconds none{}, longest = host::longest_fault_time;
  for (const auto& [field, value, least, most] :
       {Time{"ttl", ttl, host::shortest_fault_ttl, host::longest_fault_ttl},
        Time{"faults.latency", spec.latency, none, longest}, Time{"faults.jitter", spec.jitter, none, longest},
        Time{"faults.slice_delay", spec.slice_delay, none, longest},
        Time{"faults.reset_time", spec.reset_time, none, longest}})
    if (value < least || value > most)
      return std::unexpected(host::bad_argument(field, fmt::format("{} s to {} s", seconds(least), seconds(most)),
                                                fmt::format("{} s", seconds(value))));
  struct Size {
    const char* field;
    std::size_t value;
  };
  for (const auto& [field, value] :
       {Size{"faults.bandwidth", spec.bandwidth}, Size{"faults.slice_size", spec.slice_size},
        Size{"faults.reset_bytes", spec.reset_bytes}})
    if (value > host::largest_fault_size)
      return std::unexpected(
          host::bad_argument(field, fmt::format("0 to {}", host::largest_fault_size), std::to_string(value)));
  if (spec.percent < 1 || spec.percent > 100)
    return std::unexpected(host::bad_argument("faults.percent", "1 to 100", std::to_string(spec.percent)));
  if (spec.seed < 0 || spec.seed > host::largest_fault_seed)
    return std::unexpected(
        host::bad_argument("faults.seed", fmt::format("0 to {}", host::largest_fault_seed), std::to_string(spec.seed)));
  if (spec.jitter > spec.latency)
    return std::unexpected(host::bad_argument("faults.jitter",
                                              fmt::format("at most the latency, {} s", seconds(spec.latency)),
                                              fmt::format("{} s", seconds(spec.jitter))));
  if (spec.slice_delay > none && spec.slice_size == 0)
    return std::unexpected(host::bad_argument("faults.slice_delay", "0 s without a slice_size",
                                              fmt::format("{} s", seconds(spec.slice_delay))));
  return {};
}

}  // namespace

FaultStage::Options ConnectionFaults::towards(FaultDirection direction, std::size_t buffer) const noexcept {
  const bool touched = spec.direction == FaultDirection::both || spec.direction == direction;
  return {.spec = touched ? spec : FaultSpec{}, .seed = mix(seed + static_cast<unsigned>(direction)), .buffer = buffer};
}

FaultSwitch::FaultSwitch(const FaultSpec& spec) : on_(spec.any()), configured_(spec), in_force_(spec) {}

void FaultSwitch::set_workload(const std::string& name) {
  const std::lock_guard lock(mutex_);
  workload_ = name;
}

// The same for the nth connection each time, on whichever loop it is.
std::optional<ConnectionFaults> FaultSwitch::draw() {
  const std::lock_guard lock(mutex_);
  if (!in_force_.any()) return std::nullopt;
  const auto drawn = mix(mix(static_cast<std::uint64_t>(in_force_.seed) + 1) + ++drawn_);
  if (drawn % 100 >= static_cast<std::uint64_t>(in_force_.percent)) return std::nullopt;
  connections_.fetch_add(1, std::memory_order_relaxed);
  return ConnectionFaults{.spec = in_force_, .seed = drawn};
}

void FaultSwitch::put_in_force() {
  in_force_ = set_.value_or(configured_);
  drawn_ = 0;
  on_.store(in_force_.any(), std::memory_order_relaxed);
}

void FaultSwitch::tell(const std::string& what) const {
  evloop::log(evloop::LogLevel::warning, "workload " + workload_ + ": " + what + text_of(in_force_));
}

bool FaultSwitch::configure(const FaultSpec& spec) {
  const std::lock_guard lock(mutex_);
  if (std::exchange(configured_, spec) == spec) return false;
  if (!set_) {
    put_in_force();
    tell("faults are configured: ");
  }
  return true;
}

host::HostResult<void> FaultSwitch::set(const FaultSpec& spec, nanoseconds ttl) {
  if (auto checked = check(spec, ttl); !checked) return checked;
  const std::lock_guard one_at_a_time(changing_);
  const host::SignalsBlocked blocked;  // they are for the main thread
  std::jthread timer;                  // the one before: joined when the lock is free
  const auto when = std::chrono::steady_clock::now() + ttl;
  const std::lock_guard lock(mutex_);
  // First, as it may fail; it waits for the lock.
  timer = std::jthread([this, when](const std::stop_token& stop) { expire(stop, when); });
  timer_.request_stop();
  timer_.swap(timer);
  set_ = spec;
  expire_time_ =
      std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(ttl);
  put_in_force();
  tell(fmt::format("faults are set for {} s: ", seconds(ttl)));
  return {};
}

void FaultSwitch::clear() {
  const std::lock_guard one_at_a_time(changing_);
  std::jthread timer;  // joined when the lock is free
  const std::lock_guard lock(mutex_);
  timer_.request_stop();
  timer_.swap(timer);
  if (!std::exchange(set_, std::nullopt)) return;
  put_in_force();
  tell("faults are as configured again: ");
}

void FaultSwitch::expire(const std::stop_token& stop, std::chrono::steady_clock::time_point when) {
  std::unique_lock lock(mutex_);
  wake_up_.wait_until(lock, stop, when, [] { return false; });
  if (stop.stop_requested()) return;
  set_.reset();
  put_in_force();
  tell("the time of the faults is over, they are as configured again: ");
}

host::FaultsSnapshot FaultSwitch::snapshot() const {
  const std::lock_guard lock(mutex_);
  return {.in_force = in_force_,
          .expire_time = set_ ? std::optional(expire_time_) : std::nullopt,
          .connections = connections_.load(std::memory_order_relaxed)};
}

}  // namespace evloopd::workloads
