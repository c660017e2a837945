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

// A scheduled callback, shared by the queue that will run it and the handles that may cancel it. It is a FunctionCall,
// or part of a larger object, such as the transport that it reads for. Its references are counted plainly: loop thread
// only.
class ScheduledCall : public Runnable {
 public:
  using Runnable::Runnable;

  // Never runs from now on (SCHED-08).
  virtual void cancel() noexcept { cancelled_ = true; }
  [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }

  void add_ref() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) dispose();
  }

 protected:
  ~ScheduledCall() = default;
  // Nobody refers to it any more.
  virtual void dispose() noexcept = 0;
  // It failed, by the exception that is being handled. Throws a Fatal again.
  [[gnu::noinline]] void failed();

  // For one that is part of a larger object: it is watched, or waits for its turn still ...
  [[nodiscard]] bool in_use() const noexcept { return references_ > 0; }
  // ... and, not in use, may be scheduled again.
  void renew() noexcept { cancelled_ = false; }

 private:
  bool cancelled_ = false;
  std::uint32_t references_ = 0;
};

// ... that calls a function, and owns it.
class FunctionCall : public CallOf<ScheduledCall> {
 public:
  using CallOf::CallOf;

  void run() override;
  // What it captured goes now: it may own a handle of this.
  void drop() noexcept override {
    discard();
    release();
  }
  // Drops the callable and what it captured at once.
  void cancel() noexcept override;

 protected:
  ~FunctionCall() = default;

 private:
  bool running_ = false;
};

// ... at a time.
class TimerCall : public FunctionCall {
 public:
  TimerCall(TimePoint when, std::source_location where) noexcept : FunctionCall(WorkKind::timer, where), when_(when) {}

  void run() override {
    queue_ = nullptr;
    FunctionCall::run();
  }
  void drop() noexcept override {
    queue_ = nullptr;
    FunctionCall::drop();
  }
  void cancel() noexcept override;
  [[nodiscard]] TimePoint when() const noexcept { return when_; }

 protected:
  ~TimerCall() = default;

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
