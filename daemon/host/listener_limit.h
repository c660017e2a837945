#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "host/token_bucket.h"

namespace evloopd::host {

// What one listening address lets in, over all loops; 0: no limit.
struct ListenerLimits {
  std::uint32_t max_connections = 0;  // open at a time
  std::uint32_t accept_rate = 0;      // in a second

  friend bool operator==(const ListenerLimits&, const ListenerLimits&) = default;
};

// The limits of one address, and what counts in them: shared by its sockets on all loops and by its connections, which
// may outlive them. Who is over a limit is not accepted, and waits in the kernel's queue. Any thread.
//
// While there is no limit nobody is counted, and who was accepted then never is.
class ListenerLimit {
 public:
  // Who cannot accept for now.
  class Waiter {
   public:
    // It is worth another try. Any thread; it must not call the limit.
    virtual void wake() noexcept = 0;

   protected:
    ~Waiter() = default;
  };

  static constexpr auto until_woken = evloop::Duration::max();

  ListenerLimit() = default;
  ListenerLimit(const ListenerLimit&) = delete;
  ListenerLimit& operator=(const ListenerLimit&) = delete;

  // From here on. Wakes who waits; who is in stays in, even if there are more than that.
  void set(ListenerLimits limits) noexcept;
  [[nodiscard]] ListenerLimits get() const noexcept { return unpack(limits_.load(std::memory_order_relaxed)); }
  [[nodiscard]] bool is_set() const noexcept { return limits_.load(std::memory_order_relaxed) != 0; }

  // To be asked before a connection is accepted. Zero: it may be, and counts from now on, until left(). Else how long
  // it is until another try is worth it, or until_woken.
  [[nodiscard]] evloop::Duration enter(evloop::TimePoint now) noexcept;
  // The same, and unless it answers zero the waiter is woken once, as soon as another try is worth it for another
  // reason than time. It must forget() that before it is destroyed.
  [[nodiscard]] evloop::Duration enter_or_wait(Waiter& waiter, evloop::TimePoint now);
  // Who entered did not come.
  void stayed_away() noexcept;
  void left() noexcept;
  // The waiter will not be woken any more. Without effect on one that does not wait.
  void forget(const Waiter& waiter) noexcept;

  // Without a lock.
  [[nodiscard]] std::size_t open() const noexcept { return open_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool has_waiters() const noexcept { return waiters_.load(std::memory_order_relaxed) > 0; }
  [[nodiscard]] std::uint64_t waits() const noexcept { return waits_.load(std::memory_order_relaxed); }  // ever begun

 private:
  struct Waiting {
    Waiter* waiter;
    bool for_place;  // else for a turn
  };

  [[nodiscard]] static std::uint64_t pack(ListenerLimits limits) noexcept {
    return std::uint64_t{limits.max_connections} << 32U | limits.accept_rate;
  }
  [[nodiscard]] static ListenerLimits unpack(std::uint64_t limits) noexcept {
    return {static_cast<std::uint32_t>(limits >> 32U), static_cast<std::uint32_t>(limits)};
  }
  [[nodiscard]] bool take_place(std::size_t most) noexcept;
  void wake_for_place() noexcept;
  void count_waiting() noexcept;

  std::atomic<std::uint64_t> limits_{0};  // both in one, so that who has none finds that out at once
  std::atomic<std::size_t> open_{0};
  std::atomic<bool> place_wanted_{false};  // somebody waits for a place: who leaves has to wake them
  TokenBucket turns_;
  std::atomic<std::size_t> waiters_{0};
  std::atomic<std::uint64_t> waits_{0};

  std::mutex mutex_;              // held for a moment, and only while somebody waits or begins to
  std::vector<Waiting> waiting_;  // guarded by mutex_
};

}  // namespace evloopd::host
