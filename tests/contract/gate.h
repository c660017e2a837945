#pragma once

#include <deque>
#include <functional>
#include <latch>
#include <memory>
#include <variant>

#include "aio/executor.h"
#include "aio/loop_port.h"
#include "aio/selector.h"

namespace evloop::contract {

// Holds back the work of other threads until the loop has nothing to do: entries run one at a time, oldest first, each
// on a thread of its own, while the loop's thread waits inside its selector. Loop thread.
class Gate {
 public:
  using Work = std::move_only_function<void()>;

  ~Gate();

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  void add(Work work) { entries_.emplace_back(std::move(work)); }
  // An entry that opens the latch, for the helper thread which shuts the executor down.
  [[nodiscard]] std::shared_ptr<std::latch> add_shutdown();

  // Returns when the oldest entry has ended: for a shutdown, when the helper thread has woken the loop. False if it
  // posted something to the loop without waking it.
  bool release_oldest(Selector& selector, const LoopPort& port);

 private:
  std::deque<std::variant<Work, std::shared_ptr<std::latch>>> entries_;
};

// A default executor whose jobs wait at the gate instead of for a thread.
class GateExecutor final : public Executor {
 public:
  explicit GateExecutor(Gate& gate) noexcept : gate_(gate) {}

  void submit(std::move_only_function<void()> job) override { gate_.add(std::move(job)); }
  void shutdown(bool wait) override {
    if (wait && released_) released_->wait();
  }
  // The next shutdown returns when its turn at the gate has come.
  void hold_shutdown() { released_ = gate_.add_shutdown(); }

 private:
  Gate& gate_;
  std::shared_ptr<std::latch> released_;
};

}  // namespace evloop::contract
