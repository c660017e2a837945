#include "base/cycle_clock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

namespace evloop {
namespace {

std::uint64_t clock_nanos() noexcept {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

// Where the counter and the clock stood when the process started: the longer it runs, the better the
// rate between them is known.
struct Origin {
  std::uint64_t stamp = CycleClock::now();
  std::uint64_t nanos = clock_nanos();
};

}  // namespace

bool CycleClock::detect() noexcept {
#if defined(__x86_64__)
  const int fd = ::open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char name[16] = {};
  const auto size = ::read(fd, name, sizeof name - 1);
  ::close(fd);
  return size >= 3 && std::strncmp(name, "tsc", 3) == 0;
#else
  return false;
#endif
}

const bool CycleClock::uses_counter_ = CycleClock::detect();

namespace {
const Origin origin;
}

CycleClock::Stamp CycleClock::monotonic() noexcept { return clock_nanos(); }

double CycleClock::nanos_per_stamp() noexcept {
  if (!uses_counter_) return 1.0;
  // At least two milliseconds apart, or the two reads' own noise shows.
  auto nanos = clock_nanos();
  while (nanos - origin.nanos < 2'000'000) nanos = clock_nanos();
  return static_cast<double>(nanos - origin.nanos) / static_cast<double>(now() - origin.stamp);
}

std::chrono::nanoseconds CycleClock::to_nanos(Stamp stamps) noexcept {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(stamps) * nanos_per_stamp()));
}

CycleClock::Stamp CycleClock::from_nanos(std::chrono::nanoseconds time) noexcept {
  return static_cast<Stamp>(static_cast<double>(time.count()) / nanos_per_stamp());
}

}  // namespace evloop
