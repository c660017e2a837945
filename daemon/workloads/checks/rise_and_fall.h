#pragma once

namespace evloopd::workloads {

// Whether something is up, by the results of its checks: the very first one counts at once; from then on it takes
// `fall` failures in a row to be down and `rise` passes to be up. Up as long as nothing is known. Its owner serialises
// the calls.
class RiseAndFall {
 public:
  // True if that has changed.
  bool checked(bool passed, int rise, int fall) noexcept {
    const bool first = !known_;
    known_ = true;
    if (passed == up_) {
      against_ = 0;
      return false;
    }
    if (++against_ < (passed ? rise : fall) && !first) return false;
    against_ = 0;
    up_ = passed;
    return true;
  }
  [[nodiscard]] bool is_up() const noexcept { return up_; }
  // There was a result.
  [[nodiscard]] bool is_known() const noexcept { return known_; }
  // Results in a row that speak against it.
  [[nodiscard]] int against() const noexcept { return against_; }

 private:
  bool up_ = true;
  bool known_ = false;
  int against_ = 0;
};

}  // namespace evloopd::workloads
