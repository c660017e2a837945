#pragma once

#include <atomic>

#include "aio/event_loop.h"
#include "host/listening_socket.h"
#include "host/workload.h"

namespace evloopd::host {

// Has a loop take a workload's datagrams on one of its sockets, from its construction to its destruction. Loop thread
// only.
class DatagramGate {
 public:
  // `share` and `barred`, which says that nothing may be taken any more, outlive it.
  DatagramGate(evloop::EventLoop& loop, SharedSocket socket, WorkloadShare& share, const std::atomic<bool>& barred);
  DatagramGate(const DatagramGate&) = delete;
  DatagramGate& operator=(const DatagramGate&) = delete;
  ~DatagramGate();

 private:
  evloop::EventLoop& loop_;
  const SharedSocket socket_;
  WorkloadShare& share_;
  const std::atomic<bool>& barred_;
};

}  // namespace evloopd::host
