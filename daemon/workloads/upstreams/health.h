#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "base/clock.h"
#include "host/snapshots.h"
#include "workloads/checks/rise_and_fall.h"
#include "workloads/upstreams/options.h"

namespace evloopd::workloads {

// What is known of one endpoint's health: by checks, which take it down and up, and by clients, whose failures eject it
// for a while. Its owner gives it the time and serialises the calls.
class Health {
 public:
  using State = host::UpstreamState;
  using Transition = host::UpstreamEndpoint::Transition;
  static constexpr std::size_t history_length = 16;

  // A check's result. True if it has changed whether it is up.
  bool checked(bool passed, const std::string& reason, const CheckOptions& options, evloop::TimePoint now);

  // Out until the time it answers: longer each time, unless it has done well since for as long as it was out.
  evloop::TimePoint eject(const std::string& reason, const EjectionOptions& options, evloop::TimePoint now);
  // The ejection is over. True the first time that it is asked about it.
  bool readmitted(evloop::TimePoint now);

  [[nodiscard]] State state(evloop::TimePoint now) const noexcept {
    return !is_up() ? State::down : is_ejected(now) ? State::ejected : State::up;
  }
  [[nodiscard]] bool is_ejected(evloop::TimePoint now) const noexcept { return ejected_ && now < ejected_until_; }
  // Checks say so.
  [[nodiscard]] bool is_up() const noexcept { return checks_.is_up(); }

  // How much of its weight it gets, in tenths from 1 to `whole`, and when that will change (max: never).
  static constexpr int whole = 10;
  struct Warmth {
    int tenths = whole;
    evloop::TimePoint until = evloop::TimePoint::max();
  };
  [[nodiscard]] Warmth warmth(nanoseconds slow_start, evloop::TimePoint now) const noexcept;
  // When the ejection ends, if there is one.
  [[nodiscard]] std::optional<evloop::TimePoint> ejected_until() const noexcept {
    return ejected_ ? std::optional(ejected_until_) : std::nullopt;
  }
  [[nodiscard]] const std::deque<Transition>& history() const noexcept { return history_; }

 private:
  void note(State state, std::string reason);

  RiseAndFall checks_;
  bool ejected_ = false;
  int ejections_ = 0;  // in short order
  evloop::TimePoint ejected_until_ = evloop::TimePoint::min();
  std::optional<evloop::TimePoint> back_since_;  // from where the slow start counts
  std::deque<Transition> history_;
};

}  // namespace evloopd::workloads
