#include "aio/interrupt_scope.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "aio/main_thread.h"
#include "base/system_error.h"

namespace evloop {
namespace {

// For the handler, which may touch nothing else.
std::atomic<int> signalled_fd{-1};
std::atomic<int> not_taken{0};

void on_sigint(int) {
  if (not_taken.fetch_add(1) > 0) {
    // The loop is stuck: the user means it.
    ::signal(SIGINT, SIG_DFL);
    ::raise(SIGINT);
    return;
  }
  const int error = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(signalled_fd.load(), &one, sizeof one);
  errno = error;
}

bool can_install() {
  if (!on_main_thread()) return false;
  struct sigaction present{};
  return ::sigaction(SIGINT, nullptr, &present) == 0 && present.sa_handler == SIG_DFL;
}

}  // namespace

InterruptScope::InterruptScope(EventLoop& loop, FutureBase& main) : loop_(loop), main_(main) {
  if (!can_install()) return;
  signalled_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!signalled_) throw_errno("eventfd");
  loop_.add_reader(signalled_.get(), [this] { interrupted(); });
  signalled_fd.store(signalled_.get());
  not_taken.store(0);
  struct sigaction action{};
  action.sa_handler = on_sigint;
  ::sigaction(SIGINT, &action, nullptr);
}

InterruptScope::~InterruptScope() {
  if (!signalled_) return;
  struct sigaction present{};
  if (::sigaction(SIGINT, nullptr, &present) == 0 && present.sa_handler == on_sigint) ::signal(SIGINT, SIG_DFL);
  signalled_fd.store(-1);
  loop_.remove_reader(signalled_.get());
}

void InterruptScope::interrupted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(signalled_.get(), &count, sizeof count);
  not_taken.store(0);
  if (++count_ > 1 || !main_.cancel()) throw Interrupt();
}

void InterruptScope::rethrow_as_interrupt() const {
  if (count_ > 0 && main_.as_task()->uncancel() == 0) throw Interrupt();
}

void (*interrupt_disposition() noexcept)(int) { return signalled_fd.load() >= 0 ? on_sigint : SIG_DFL; }

}  // namespace evloop
