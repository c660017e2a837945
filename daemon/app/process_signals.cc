#include "app/process_signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "base/system_error.h"

namespace evloopd::app {

using evloop::throw_errno;

ProcessSignals::ProcessSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr)) throw_errno("pthread_sigmask", error);
  ::signal(SIGPIPE, SIG_IGN);
  fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw_errno("signalfd");
}

std::optional<int> ProcessSignals::next(std::optional<std::chrono::nanoseconds> timeout) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = timeout ? Clock::now() + *timeout : Clock::time_point::max();
  for (;;) {
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) == sizeof info) return static_cast<int>(info.ssi_signo);
    timespec left{};
    if (timeout) {
      const auto rest = std::max<Clock::duration>(deadline - Clock::now(), Clock::duration::zero());
      left.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(rest).count();
      left.tv_nsec = (rest % std::chrono::seconds(1)).count();
      if (rest == Clock::duration::zero()) return std::nullopt;
    }
    pollfd watched{fd_.get(), POLLIN, 0};
    if (::ppoll(&watched, 1, timeout ? &left : nullptr, nullptr) < 0 && errno != EINTR) throw_errno("ppoll");
  }
}

}  // namespace evloopd::app
