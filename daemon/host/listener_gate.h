#pragma once

#include <atomic>
#include <memory>

#include "aio/event_loop.h"
#include "host/listener_limit.h"
#include "host/listening_socket.h"
#include "host/workload.h"
#include "net/acceptor.h"

namespace evloopd::host {

// Has a loop accept a workload's connections on one of its sockets, as far as the limits of the listener let it. Who is
// over them waits in the kernel's queue: the socket is left alone until a connection ends on whatever loop, there is a
// turn again, or the limits are changed. Loop thread only.
class ListenerGate final : public std::enable_shared_from_this<ListenerGate>,
                           private evloop::Acceptor::Gate,
                           private ListenerLimit::Waiter {
 public:
  // From here to its destruction. `share` and `barred`, which says that nobody may come any more, outlive it.
  [[nodiscard]] static std::shared_ptr<ListenerGate> open(evloop::EventLoop& loop, SharedSocket socket,
                                                          WorkloadShare& share, const std::atomic<bool>& barred);
  ListenerGate(const ListenerGate&) = delete;
  ListenerGate& operator=(const ListenerGate&) = delete;
  ~ListenerGate() override;

 private:
  ListenerGate(evloop::EventLoop& loop, SharedSocket socket, WorkloadShare& share, const std::atomic<bool>& barred);

  [[nodiscard]] bool opens() override;
  [[nodiscard]] bool let_in();
  void nobody_came() noexcept override;
  void accepted(evloop::UniqueFd connection);
  void wake() noexcept override;  // any thread
  void go_on();

  evloop::EventLoop& loop_;
  const SharedSocket socket_;
  ListenerLimit& limit_;
  WorkloadShare& share_;
  const std::atomic<bool>& barred_;
  bool entered_ = false;       // the one who is being accepted
  bool has_accepted_ = false;  // since limits last closed it
  evloop::TimerHandle timer_;  // while it waits for a turn
  evloop::Acceptor acceptor_;  // suspended while it waits
};

}  // namespace evloopd::host
