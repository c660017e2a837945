#pragma once

#include <functional>

#include "aio/event_loop.h"
#include "workloads/linked_list.h"
#include "workloads/udp/session.h"

namespace evloopd::workloads {

// Sessions that end when they are silent for a time, the same for all: so they stand in the order of their last
// datagram, and one timer is enough, for the first of them. A datagram costs no more than a place in the list. Loop
// thread only.
class SessionQueue {
 public:
  // Ends a session, which takes it out of the queue.
  using OnSilent = std::function<void(UdpSession& session)>;

  SessionQueue(evloop::EventLoop& loop, evloop::Duration patience, OnSilent on_silent);
  SessionQueue(const SessionQueue&) = delete;
  SessionQueue& operator=(const SessionQueue&) = delete;
  ~SessionQueue() { timer_.cancel(); }

  // There was a datagram of it. It may be in another queue, or in none.
  void touch(UdpSession& session, evloop::TimePoint now);
  // Out of whichever queue it is in.
  static void leave(UdpSession& session) noexcept;

  [[nodiscard]] UdpSession* front() const noexcept { return sessions_.front(); }

 private:
  void await_first();
  void end_silent();

  evloop::EventLoop& loop_;
  const evloop::Duration patience_;
  const OnSilent on_silent_;
  LinkedList<UdpSession> sessions_;
  evloop::TimerHandle timer_;
  bool timed_ = false;
};

}  // namespace evloopd::workloads
