#include "host/datagram_gate.h"

#include <utility>

namespace evloopd::host {

DatagramGate::DatagramGate(evloop::EventLoop& loop, SharedSocket socket, WorkloadShare& share,
                           const std::atomic<bool>& barred)
    : loop_(loop), socket_(std::move(socket)), share_(share), barred_(barred) {
  loop_.add_reader(socket_->fd.get(), [this] {
    if (!barred_.load(std::memory_order_relaxed)) share_.datagrams_wait(socket_);
  });
}

DatagramGate::~DatagramGate() {
  loop_.unwatch(socket_->fd.get(), evloop::Interest::read);
  share_.datagrams_end(socket_);
}

}  // namespace evloopd::host
