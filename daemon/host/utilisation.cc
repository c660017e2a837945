#include "host/utilisation.h"

#include <algorithm>

namespace evloopd::host {

void Utilisation::add(Time now, Nanos busy) {
  if (count_ > 0 && now - before(0).time < spacing) return;
  newest_ = count_ == 0 ? 0 : (newest_ + 1) % most;
  samples_[newest_] = {.time = now, .busy = busy};
  count_ = std::min(count_ + 1, most);
}

double Utilisation::over(Nanos window) const {
  if (count_ < 2) return 0;
  const auto& last = before(0);
  std::size_t age = 1;
  while (age + 1 < count_ && last.time - before(age).time < window) ++age;
  const auto& first = before(age);
  const auto elapsed = std::chrono::duration<double>(last.time - first.time).count();
  if (elapsed <= 0) return 0;
  return std::clamp(std::chrono::duration<double>(last.busy - first.busy).count() / elapsed, 0.0, 1.0);
}

}  // namespace evloopd::host
