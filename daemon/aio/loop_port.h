#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <source_location>
#include <utility>

#include "aio/call.h"
#include "aio/records.h"
#include "aio/runnable.h"
#include "base/ref.h"
#include "base/unique_fd.h"

namespace evloop {

class EventLoop;
class LoopPort;
class ReadyQueue;

// A callback from another thread. Its references are counted atomically, as its handle may be anywhere.
class PostedCall : public CallOf<Runnable> {
 public:
  explicit PostedCall(std::source_location where) noexcept : CallOf(WorkKind::posted, where) {}

  void run() override;
  void drop() noexcept override;

  // Any thread. See ThreadsafeHandle.
  void cancel();
  [[nodiscard]] bool cancelled();
  void add_ref() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) dispose();
  }

 protected:
  ~PostedCall() = default;

 private:
  friend class LoopPort;
  enum class State : std::uint8_t { waiting, running, done, cancelled };

  // Gives up the loop's reference, on the loop's thread.
  void spent() noexcept;
  void wait_while_running();

  std::atomic<State> state_{State::waiting};
  std::atomic<bool> cancelled_{false};
  std::atomic<std::uint32_t> references_{1};
  PostedCall* next_ = nullptr;
};

// What call_soon_threadsafe() returns. Any thread (SCHED-06).
class ThreadsafeHandle {
 public:
  ThreadsafeHandle() noexcept = default;
  explicit ThreadsafeHandle(Ref<PostedCall> call) noexcept : call_(std::move(call)) {}

  // Before the callback starts: it never runs. While it runs in another thread: waits for its end.
  void cancel() {
    if (call_) call_->cancel();
  }
  // Likewise waits while the callback runs in another thread.
  [[nodiscard]] bool cancelled() const { return call_ && call_->cancelled(); }

 private:
  Ref<PostedCall> call_;
};

// The any-thread half of a loop: its mailbox, its wake-up, and what it publishes. Shared, and outlives
// the loop: a post that races with closing is refused, and never meets a dangling pointer. No locks.
class LoopPort {
 public:
  LoopPort();
  ~LoopPort();
  LoopPort(const LoopPort&) = delete;
  LoopPort& operator=(const LoopPort&) = delete;

  // Any thread.

  // Has the loop run `function` in its next turn; wakes it only if it sleeps. False, and the function is
  // destroyed here, if the loop is closed.
  template <class F>
  bool post(F&& function, std::source_location where = std::source_location::current()) {
    return enqueue(*make_call<PostedCall>(std::forward<F>(function), where));
  }
  // The same, with a handle; throws LoopError("Event loop is closed").
  template <class F>
  ThreadsafeHandle call_soon_threadsafe(F&& function, std::source_location where = std::source_location::current()) {
    Ref<PostedCall> call(make_call<PostedCall>(std::forward<F>(function), where));
    if (!enqueue(*call)) throw_closed();
    return ThreadsafeHandle(std::move(call));
  }

  [[nodiscard]] bool is_running() const noexcept { return running_.load(std::memory_order_acquire); }
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_acquire); }
  [[nodiscard]] bool stop_pending() const noexcept { return stop_pending_.load(std::memory_order_relaxed); }
  // Posts that the loop has not taken yet.
  [[nodiscard]] std::uint64_t mailbox_length() const noexcept {
    // The loop may take a post before its poster has counted it.
    const auto taken = stats.threadsafe_calls.get();
    const auto posted = posted_.load(std::memory_order_relaxed);
    return posted > taken ? posted - taken : 0;
  }
  // Times a post had to wake the loop.
  [[nodiscard]] std::uint64_t wakeups() const noexcept { return wakeups_.load(std::memory_order_relaxed); }

  // Written by the loop, read by any thread.
  LoopStats stats;
  CurrentRecord current;
  TaskRecords tasks;

 private:
  friend class EventLoop;
  friend class PostedCall;

  // Takes over one reference, also when it refuses.
  bool enqueue(PostedCall& call);
  [[noreturn]] static void throw_closed();
  [[nodiscard]] static PostedCall* closed_mark() noexcept;

  // Loop thread. Of a closed one: true.
  [[nodiscard]] bool has_mail() const noexcept { return newest_.load(std::memory_order_relaxed) != nullptr; }
  std::size_t drain_to(ReadyQueue& ready);
  // About to sleep: posts must wake the loop from here on. False if there is mail already.
  bool prepare_sleep() noexcept;
  void woke() noexcept { sleeping_.store(false, std::memory_order_relaxed); }
  [[nodiscard]] int wake_fd() const noexcept { return wake_fd_.get(); }
  // Refuses further posts, and drops those accepted but not taken.
  void close() noexcept;

  const UniqueFd wake_fd_;

  // Any thread.
  std::atomic<bool> running_{false};
  std::atomic<bool> closed_{false};
  std::atomic<bool> stop_pending_{false};

  // The mailbox: a stack that posters push onto and the loop takes whole. Its own cache line: posters and the
  // loop meet here and nowhere else.
  alignas(64) std::atomic<PostedCall*> newest_{nullptr};  // closed_mark(): refuses
  std::atomic<bool> sleeping_{false};
  std::atomic<std::uint64_t> posted_{0};
  std::atomic<std::uint64_t> wakeups_{0};

  // Emptied by the loop, for a poster to use again.
  alignas(64) std::atomic<PostedCall*> recycled_{nullptr};

  // Loop thread only.
  alignas(64) PostedCall* spent_ = nullptr;
};

}  // namespace evloop
