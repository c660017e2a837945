#pragma once

#include <utility>

#include "aio/event_loop.h"
#include "base/unique_fd.h"
#include "host/listening_socket.h"
#include "net/socket_address.h"
#include "workloads/linked_list.h"
#include "workloads/open_connections.h"
#include "workloads/proxy/admission.h"
#include "workloads/proxy/ip_address.h"
#include "workloads/upstreams/endpoint.h"

namespace evloopd::workloads {

class SessionQueue;

// One client at one listener of a udp.relay: the upstream it was given, and a socket that is connected to it, so that
// what comes there is this client's alone. Its share owns it. Loop thread only.
struct UdpSession final : LinkedList<UdpSession>::Hook {
  UdpSession(evloop::EventLoop& on, const evloop::SocketAddress& from, const IpAddress& to, host::SharedSocket at)
      : loop(on), client(from), destination(to), listener(std::move(at)) {}
  UdpSession(const UdpSession&) = delete;
  UdpSession& operator=(const UdpSession&) = delete;
  ~UdpSession() {
    if (upstream) loop.unwatch(upstream.get(), evloop::Interest::read);
  }

  evloop::EventLoop& loop;
  OpenConnections::Slot slot;  // released last: whoever sees no session finds the address free
  const evloop::SocketAddress client;
  const IpAddress destination;        // to which it sends, if the listener has all addresses; else none
  const host::SharedSocket listener;  // from whose address the client is answered, whichever loop it is lent to
  Admission::Ticket ticket;
  Place place;
  evloop::UniqueFd upstream;

  // The queue's.
  SessionQueue* queue = nullptr;
  evloop::TimePoint last{};  // datagram, in either direction
};

}  // namespace evloopd::workloads
