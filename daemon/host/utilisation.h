#pragma once

#include <array>
#include <chrono>
#include <cstddef>

#include "host/snapshots.h"

namespace evloopd::host {

// Which part of its time a loop was busy, over sliding windows of up to a minute. One thread.
class Utilisation {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // How long the loop has been busy until `now`, ever. Kept about ten times a second.
  void add(Time now, Nanos busy);

  // 0..1, over the time that has been seen if it is shorter than the window.
  [[nodiscard]] double over(Nanos window) const;

 private:
  struct Sample {
    Time time;
    Nanos busy;
  };
  static constexpr Nanos spacing = std::chrono::milliseconds(100);
  static constexpr std::size_t most = 601;

  // The sample `age` places before the newest.
  [[nodiscard]] const Sample& before(std::size_t age) const { return samples_[(newest_ + most - age) % most]; }

  std::array<Sample, most> samples_{};
  std::size_t newest_ = 0;
  std::size_t count_ = 0;
};

}  // namespace evloopd::host
