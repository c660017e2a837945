#include "host/observer.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "host/signals_blocked.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;

constexpr Nanos shortest_interval = 10ms;
constexpr Nanos longest_interval = 100ms;

}  // namespace

Observer::Observer(Loops loops, std::function<void()> stuck_changed)
    : loops_(std::move(loops)), stuck_changed_(std::move(stuck_changed)) {
  const SignalsBlocked blocked;  // the thread inherits it
  thread_ = std::thread([this] { run(); });
}

Observer::~Observer() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
    leave_.notify_all();
  }
  thread_.join();
}

void Observer::run() {
  ::pthread_setname_np(::pthread_self(), "evl-observer");
  std::unique_lock lock(mutex_);
  while (!leaving_) {
    lock.unlock();
    const auto interval = look();
    lock.lock();
    leave_.wait_for(lock, interval, [&] { return leaving_; });
  }
}

Nanos Observer::look() {
  bool changed = false;
  Nanos interval = longest_interval;
  for (const auto& loop : loops_()) {
    auto& health = loop->health();
    const bool was_stuck = health.is_stuck();
    health.look(std::chrono::steady_clock::now());
    changed |= health.is_stuck() != was_stuck;
    interval = std::min(interval, health.stall_warn() / 2);
  }
  if (changed) stuck_changed_();
  return std::max(interval, shortest_interval);
}

}  // namespace evloopd::host
