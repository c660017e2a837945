#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "aio/loop_port.h"

namespace evloopd::workloads {

// Where clients of all loops wait for a place at an upstream, in the order of their coming. Who leaves a place has the
// first one called, on its own loop; who is called and does not need it any more has the next one called. Any thread.
class WaitingRoom : public std::enable_shared_from_this<WaitingRoom> {
 public:
  // One who waits.
  class Guest {
   public:
    // It is this one's turn: on its loop, and once for each time that it joined.
    virtual void called() = 0;

   protected:
    ~Guest() = default;
  };
  // What a guest holds as long as it waits. Loop thread only.
  class Ticket {
   public:
    Ticket(std::shared_ptr<evloop::LoopPort> port, Guest& guest) : port_(std::move(port)), guest_(&guest) {}
    // The guest goes: a call that is under way is passed on.
    void abandon() noexcept { guest_ = nullptr; }

   private:
    friend class WaitingRoom;
    using Queue = std::list<std::shared_ptr<Ticket>>;

    const std::shared_ptr<evloop::LoopPort> port_;
    Guest* guest_;
    bool queued_ = false;  // guarded by the room
    Queue::iterator place_;
  };

  explicit WaitingRoom(std::size_t most) : most_(most) {}

  // At the end of the queue; or at its front, if it had been called in vain. False if the room is full. A place may
  // have been left just before: who is the first then must try once more.
  enum class Where { end, front };
  [[nodiscard]] bool join(const std::shared_ptr<Ticket>& ticket, Where where);
  [[nodiscard]] bool is_first(const Ticket& ticket) const;
  void leave(Ticket& ticket);
  // Has the first one called whose loop runs. Cheap if nobody waits.
  void call_next();

  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_seq_cst); }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t timed_out() const noexcept { return timed_out_.load(std::memory_order_relaxed); }
  void count_timeout() noexcept { timed_out_.fetch_add(1, std::memory_order_relaxed); }

 private:
  [[nodiscard]] std::shared_ptr<Ticket> take_first();

  const std::size_t most_;
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> timed_out_{0};

  mutable std::mutex mutex_;
  Ticket::Queue queue_;  // guarded by mutex_
};

}  // namespace evloopd::workloads
