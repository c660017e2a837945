#include "aio/signal_handler.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "aio/interrupt_scope.h"
#include "aio/main_thread.h"
#include "base/system_error.h"

namespace evloop {
namespace {

// By signal; for on_signal(), which may touch nothing else.
std::array<std::atomic<int>, NSIG> delivery_fds;

void on_signal(int signal) {
  const int error = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      ::write(delivery_fds[static_cast<std::size_t>(signal)].load(std::memory_order_relaxed), &one, sizeof one);
  errno = error;
}

std::string describe_signal(int signal) { return "sig " + std::to_string(signal); }

void set_disposition(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  if (::sigaction(signal, &action, nullptr) == 0) return;
  if (errno == EINVAL) throw LoopError(describe_signal(signal) + " cannot be caught");
  throw_errno("sigaction " + describe_signal(signal));
}

// One signal, and the loop that handles it. Guarded by `mutex`: a loop may be closed on any thread.
class SignalSlot final : private FdOwner {
 public:
  void install(int signal, EventLoop& loop, Ref<ScheduledCall> call) {
    Ref<ScheduledCall> gone;  // without the lock: what it captured may come here
    const std::lock_guard guard(mutex);
    open(signal);
    if (loop_ == &loop) {
      handle(loop, call);
      gone = std::exchange(call_, std::move(call));
      return;
    }
    if (loop_) gone = give_up();
    take_deliveries();  // of an earlier handler, that it did not live to see
    loop.claim(fd_, *this);
    loop_ = &loop;
    call_ = std::move(call);
    try {
      handle(loop, call_);
    } catch (...) {
      gone = give_up();  // no half-installed entry (SIG-08)
      throw;
    }
  }

  bool remove(const EventLoop& loop) {
    Ref<ScheduledCall> gone;
    const std::lock_guard guard(mutex);
    if (loop_ != &loop) return false;
    gone = give_up();
    restore();
    return true;
  }

 private:
  static inline std::mutex mutex;

  // Never closed again: on another thread, the kernel may be about to run on_signal() at any time.
  void open(int signal) {
    if (fd_ >= 0) return;
    fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd_ < 0) throw_errno("eventfd");
    signal_ = signal;
    delivery_fds[static_cast<std::size_t>(signal)].store(fd_, std::memory_order_relaxed);
  }

  void handle(EventLoop& loop, const Ref<ScheduledCall>& call) {
    const auto deliver_to_loop = [this, &loop, call] { deliver(loop, call); };
    loop.watch(fd_, Interest::read, deliver_to_loop, call->where());
    set_disposition(signal_, on_signal);
  }

  void deliver(EventLoop& loop, const Ref<ScheduledCall>& call) {
    const auto count = take_deliveries();
    if (call->cancelled()) {
      remove(loop);
      return;
    }
    for (auto left = count; left > 0; --left)
      loop.call_soon(
          [call] {
            call->add_ref();  // which run() gives back
            call->run();
          },
          call->where());
  }

  std::uint64_t take_deliveries() const noexcept {
    std::uint64_t count = 0;
    return ::read(fd_, &count, sizeof count) == sizeof count ? count : 0;
  }

  Ref<ScheduledCall> give_up() noexcept {
    auto* loop = std::exchange(loop_, nullptr);
    loop->unwatch(fd_, Interest::read);
    loop->unclaim(fd_, *this);
    return std::exchange(call_, nullptr);
  }

  void restore() const { set_disposition(signal_, signal_ == SIGINT ? interrupt_disposition() : SIG_DFL); }

  // FdOwner
  [[nodiscard]] std::string description() const override { return "<handler of " + describe_signal(signal_) + ">"; }
  [[nodiscard]] bool holds_fd() const noexcept override { return true; }
  void loop_closed() noexcept override {
    Ref<ScheduledCall> gone;
    const std::lock_guard guard(mutex);
    loop_ = nullptr;
    gone = std::exchange(call_, nullptr);
    restore();
  }

  int fd_ = -1;
  int signal_ = 0;
  EventLoop* loop_ = nullptr;  // none: no handler
  Ref<ScheduledCall> call_;
};

// Throws ValueError for what is no signal, the two that the C library keeps for itself included (SIG-03).
SignalSlot& slot_of(int signal) {
  sigset_t valid;
  ::sigfillset(&valid);
  if (signal <= 0 || signal >= NSIG || ::sigismember(&valid, signal) != 1)
    throw ValueError("invalid signal number " + std::to_string(signal));
  static auto& slots = *new std::array<SignalSlot, NSIG>();  // needed to the very end
  return slots[static_cast<std::size_t>(signal)];
}

}  // namespace

void install_signal_handler(EventLoop& loop, int signal, Ref<ScheduledCall> call) {
  auto& slot = slot_of(signal);
  if (loop.is_closed()) throw LoopError("Event loop is closed");
  if (!on_main_thread()) throw LoopError("set_wakeup_fd only works in main thread of the main interpreter");
  slot.install(signal, loop, std::move(call));
}

bool remove_signal_handler(EventLoop& loop, int signal) { return slot_of(signal).remove(loop); }

}  // namespace evloop
