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
constexpr int quiet_looks = 3;      // in a row: then it rests
constexpr Nanos longest_rest = 1s;  // utilisation is sampled at least so often

}  // namespace

Observer::Observer(Loops loops, std::shared_ptr<Bell> bell, std::function<void()> stuck_changed,
                   std::function<void()> after_look)
    : loops_(std::move(loops)),
      bell_(std::move(bell)),
      stuck_changed_(std::move(stuck_changed)),
      after_look_(std::move(after_look)) {
  const SignalsBlocked blocked;  // the thread inherits it
  thread_ = std::thread([this] { run(); });
}

Observer::~Observer() {
  leaving_ = true;
  bell_->wake();
  thread_.join();
}

void Observer::run() {
  ::pthread_setname_np(::pthread_self(), "evl-observer");
  int quiet = 0;
  while (!leaving_) {
    const auto seen = look();
    quiet = seen.quiet ? quiet + 1 : 0;
    if (quiet < quiet_looks) {
      bell_->pause(seen.interval);
    } else {
      bell_->rest(longest_rest);
    }
  }
}

Observer::Seen Observer::look() {
  bool changed = false;
  Seen seen{.quiet = true, .interval = longest_interval};
  for (const auto& loop : loops_()) {
    auto& health = loop->health();
    const bool was_stuck = health.is_stuck();
    seen.quiet &= !health.look(std::chrono::steady_clock::now());
    changed |= health.is_stuck() != was_stuck;
    seen.interval = std::min(seen.interval, health.stall_warn() / 2);
  }
  if (changed) stuck_changed_();
  after_look_();
  seen.interval = std::max(seen.interval, shortest_interval);
  return seen;
}

}  // namespace evloopd::host
