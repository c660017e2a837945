#pragma once

#include <cstdint>

#include "aio/event_loop.h"
#include "host/workload.h"

namespace evloopd::workloads {

// Counts one share's bytes on its own loop and adds them to the workload's counters now and then: those
// are shared with the other loops, and an atomic add per event would have the loops pull one cache line
// back and forth. The counters are at most `interval` behind while the loop runs. Loop thread only.
class ByteTally {
 public:
  static constexpr evloop::Duration interval = std::chrono::milliseconds(100);

  ByteTally(evloop::EventLoop& loop, host::WorkloadCounters& counters) : loop_(loop), counters_(counters) {}
  ByteTally(const ByteTally&) = delete;
  ByteTally& operator=(const ByteTally&) = delete;
  ~ByteTally() {
    timer_.cancel();
    flush();
  }

  void in(std::size_t bytes) {
    in_ += bytes;
    if (!timed_) start_timer();
  }
  void out(std::size_t bytes) {
    out_ += bytes;
    if (!timed_) start_timer();
  }
  void flush() noexcept {
    counters_.bytes_in.fetch_add(in_, std::memory_order_relaxed);
    counters_.bytes_out.fetch_add(out_, std::memory_order_relaxed);
    in_ = out_ = 0;
  }

 private:
  // One timer per interval with traffic, none without.
  void start_timer() {
    timed_ = true;
    timer_ = loop_.call_later(interval, [this] {
      timed_ = false;
      flush();
    });
  }

  evloop::EventLoop& loop_;
  host::WorkloadCounters& counters_;
  std::uint64_t in_ = 0;
  std::uint64_t out_ = 0;
  bool timed_ = false;
  evloop::TimerHandle timer_;
};

}  // namespace evloopd::workloads
