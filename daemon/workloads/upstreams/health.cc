#include "workloads/upstreams/health.h"

#include <algorithm>
#include <utility>

namespace evloopd::workloads {

bool Health::checked(bool passed, const std::string& reason, const CheckOptions& options, evloop::TimePoint now) {
  if (!checks_.checked(passed, options.rise, options.fall)) return false;
  if (passed) back_since_ = now;
  note(state(now), reason);
  return true;
}

evloop::TimePoint Health::eject(const std::string& reason, const EjectionOptions& options, evloop::TimePoint now) {
  const auto length = [&] { return std::min<nanoseconds>(options.time * ejections_, options.longest); };
  if (ejections_ > 0 && now - ejected_until_ >= length()) ejections_ = 0;
  ++ejections_;
  ejected_ = true;
  ejected_until_ = now + length();
  note(state(now), reason);
  return ejected_until_;
}

bool Health::readmitted(evloop::TimePoint now) {
  if (!ejected_ || now < ejected_until_) return false;
  ejected_ = false;
  back_since_ = now;
  note(state(now), "the ejection is over");
  return true;
}

Health::Warmth Health::warmth(nanoseconds slow_start, evloop::TimePoint now) const noexcept {
  const auto step = slow_start / whole;
  if (!back_since_ || step <= nanoseconds::zero() || now - *back_since_ >= step * (whole - 1)) return {};
  const auto steps = std::max<nanoseconds::rep>((now - *back_since_) / step, 0);
  return {.tenths = static_cast<int>(steps) + 1, .until = *back_since_ + step * (steps + 1)};
}

void Health::note(State state, std::string reason) {
  if (history_.size() == history_length) history_.pop_front();
  history_.push_back({.time = std::chrono::system_clock::now(), .state = state, .reason = std::move(reason)});
}

}  // namespace evloopd::workloads
