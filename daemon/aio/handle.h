#pragma once

#include <cstdint>
#include <source_location>
#include <utility>

#include "aio/call.h"
#include "aio/runnable.h"
#include "base/clock.h"
#include "base/ref.h"

namespace evloop {

class TimerQueue;

// A scheduled callback, shared by the queue that will run it and the handles that may cancel it. Its
// references are counted plainly: loop thread only.
class ScheduledCall : public CallOf<Runnable> {
 public:
  using CallOf::CallOf;

  void run() override;
  // What it captured goes now: it may own a handle of this.
  void drop() noexcept override {
    discard();
    release();
  }

  // Never runs from now on; drops the callable and what it captured at once (SCHED-08).
  virtual void cancel() noexcept;
  [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

 private:
  bool cancelled_ = false;
  bool running_ = false;
  std::uint32_t references_ = 0;
};

// ... at a time.
class TimerCall : public ScheduledCall {
 public:
  TimerCall(TimePoint when, std::source_location where) noexcept
      : ScheduledCall(WorkKind::timer, where), when_(when) {}

  void run() override {
    queue_ = nullptr;
    ScheduledCall::run();
  }
  void drop() noexcept override {
    queue_ = nullptr;
    ScheduledCall::drop();
  }
  void cancel() noexcept override;
  [[nodiscard]] TimePoint when() const noexcept { return when_; }

 private:
  friend class TimerQueue;
  TimePoint when_;
  TimerQueue* queue_ = nullptr;  // the one it was put into, until it ran or was dropped
  std::uint32_t slot_ = 0;       // in there
};

// What call_soon() and add_reader() return. Copies mean the same callback. Loop thread only.
class Handle {
 public:
  Handle() noexcept = default;
  explicit Handle(Ref<ScheduledCall> call) noexcept : call_(std::move(call)) {}

  // Idempotent. After the callback has run it only turns cancelled() true (SCHED-08).
  void cancel() noexcept {
    if (call_) call_->cancel();
  }
  [[nodiscard]] bool cancelled() const noexcept { return call_ && call_->cancelled(); }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(call_); }

 private:
  friend class EventLoop;
  Ref<ScheduledCall> call_;
};

// What call_later() and call_at() return.
class TimerHandle {
 public:
  TimerHandle() noexcept = default;
  explicit TimerHandle(Ref<TimerCall> call) noexcept : call_(std::move(call)) {}

  void cancel() noexcept {
    if (call_) call_->cancel();
  }
  [[nodiscard]] bool cancelled() const noexcept { return call_ && call_->cancelled(); }
  // The deadline, also after it passed (SCHED-12). Not of an empty handle.
  [[nodiscard]] TimePoint when() const noexcept { return call_->when(); }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(call_); }
  operator Handle() const noexcept { return Handle(Ref<ScheduledCall>(call_.get())); }  // NOLINT

 private:
  Ref<TimerCall> call_;
};

}  // namespace evloop
