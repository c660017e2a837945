#include "host/life_cycle.h"

#include <utility>

namespace evloopd::host {

LifeCycle::LifeCycle(std::shared_ptr<const LoopName> loop, std::function<void()> changed)
    : loop_(std::move(loop)), changed_(std::move(changed)) {
  view_.created_at = std::chrono::system_clock::now();
}

template <class Change>
auto LifeCycle::change(Change make) {
  const std::lock_guard order(order_);
  std::unique_lock lock(mutex_);
  const auto before = view_.state;
  auto answer = make();
  if (view_.state != before) {
    telling_ = true;
    lock.unlock();
    changed_();
    lock.lock();
    telling_ = false;
  }
  told_.notify_all();
  return answer;
}

HostResult<LifeCycle::Admission> LifeCycle::admit(Command command) {
  return change([&] { return take(command); });
}

// A loop that was started again may be in a later drain, of a later run.
bool LifeCycle::drains(std::uint64_t drain) const { return view_.state == LoopState::draining && drains_ == drain; }

void LifeCycle::limit_drain(std::uint64_t drain, WallTime deadline) {
  const std::lock_guard lock(mutex_);
  if (drains(drain)) view_.drain->deadline = deadline;
}

bool LifeCycle::end_drain(std::uint64_t drain, std::uint64_t connections_cut) {
  return change([&] {
    if (!drains(drain)) return false;
    view_.state = LoopState::stopping;
    view_.drain->connections_cut = connections_cut;
    return true;
  });
}

HostResult<LifeCycle::Admission> LifeCycle::take(Command command) {
  const auto before = view_.state;
  const auto verdict = host::verdict(before, command);
  if (verdict.answer == Answer::refuse) return std::unexpected(refusal(loop_->get(), before, command, verdict.reason));
  if (verdict.answer == Answer::go) view_.state = begin(command);
  const bool runs = ended_runs_ != runs_;
  return Admission{
      .answer = verdict.answer, .before = before, .run = runs ? runs_ : 0, .in_job = view_.in_job, .drain = drains_};
}

LoopState LifeCycle::begin(Command command) {
  const auto now = view_.state;
  switch (command) {
    case Command::start:
      view_.desired = LoopState::running;
      view_.drain.reset();
      if (now == LoopState::draining) return LoopState::running;
      if (now == LoopState::failed) ++view_.restarts;
      ++runs_;
      view_.in_job = false;
      return LoopState::starting;
    case Command::run_job:
      ++runs_;
      rest_ = now;
      view_.in_job = true;
      return LoopState::starting;
    case Command::stop:
      if (is_at_rest(now)) return now;
      view_.desired = view_.in_job ? view_.desired : LoopState::stopped;
      return LoopState::stopping;
    case Command::drain:
      if (view_.in_job) return LoopState::stopping;
      view_.desired = LoopState::stopped;
      ++drains_;
      view_.drain.emplace();
      return LoopState::draining;
    case Command::close: view_.desired = LoopState::closed; return LoopState::closing;
    case Command::replace: view_.desired = LoopState::closed; return LoopState::quarantined;
    case Command::shutdown_asyncgens:
    case Command::remove: return now;
  }
  return now;
}

void LifeCycle::run_began() {
  change([&] {
    view_.started_at = std::chrono::system_clock::now();
    // A stop may have come first.
    if (view_.state == LoopState::starting) view_.state = LoopState::running;
    return true;
  });
}

void LifeCycle::run_ended(const std::optional<std::string>& error) {
  change([&] {
    ended_runs_ = runs_;
    if (view_.state == LoopState::quarantined) return false;
    if (view_.in_job) {
      view_.state = rest_;
    } else {
      view_.state = error ? LoopState::failed : LoopState::stopped;
      view_.last_error = error.value_or("");
    }
    view_.in_job = false;
    return true;
  });
}

void LifeCycle::set(LoopState state) {
  change([&] {
    view_.state = state;
    return true;
  });
}

bool LifeCycle::wait_for_end(std::uint64_t run, Deadline deadline) {
  return wait(deadline, [&] { return has_ended(run); });
}

// A loop that is closed before its thread came to a run, as it was replaced, will never begin it.
bool LifeCycle::has_ended(std::uint64_t run) const { return ended_runs_ >= run || view_.state == LoopState::closed; }

bool LifeCycle::wait_for_drain(std::uint64_t run, Deadline deadline) {
  return wait(deadline, [&] { return has_ended(run) || view_.state == LoopState::running; });
}

bool LifeCycle::wait_for_drain_end(std::uint64_t drain, Deadline deadline) {
  return wait(deadline, [&] { return !drains(drain); });
}

bool LifeCycle::wait_while(LoopState state, Deadline deadline) {
  return wait(deadline, [&] { return view_.state != state; });
}

bool LifeCycle::wait_for_rest(Deadline deadline) {
  return wait(deadline, [&] { return is_at_rest(view_.state) || view_.state == LoopState::closed; });
}

bool LifeCycle::wait(Deadline deadline, const std::function<bool()>& condition) {
  std::unique_lock lock(mutex_);
  return told_.wait_until(lock, deadline, [&] { return !telling_ && condition(); });
}

LifeCycle::View LifeCycle::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

LoopState LifeCycle::state() const {
  const std::lock_guard lock(mutex_);
  return view_.state;
}

bool LifeCycle::runs_for_ever() const {
  const std::lock_guard lock(mutex_);
  return view_.state == LoopState::running && !view_.in_job;
}

}  // namespace evloopd::host
