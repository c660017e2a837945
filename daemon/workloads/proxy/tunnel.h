#pragma once

#include <cstddef>

#include "base/block_cache.h"
#include "base/unique_fd.h"
#include "workloads/linked_list.h"
#include "workloads/open_connections.h"
#include "workloads/proxy/balancer.h"

namespace evloopd::workloads {

class ProxyShare;

// A client and its upstream, connected: what comes from one goes to the other, the end of its data and a reset too.
// Lives until both ends are lost, and deletes itself then. Loop thread only.
class Tunnel final : public evloop::BlockCached, public LinkedList<Tunnel>::Hook {
 public:
  Tunnel(ProxyShare& share, Balancer::Place place, OpenConnections::Slot slot) noexcept;
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // Takes over both sockets, connected. Called once.
  void start(evloop::UniqueFd client, evloop::UniqueFd upstream);
  void abort();
  // The share goes away: both ends are cut, and nobody is told.
  void orphan();

 private:
  class End;

  ~Tunnel() = default;
  void lost(End& end) noexcept;

  ProxyShare* share_;        // null once it is orphaned
  End* client_ = nullptr;    // null once it is lost
  End* upstream_ = nullptr;  // likewise
  Balancer::Place place_;
  OpenConnections::Slot slot_;
};

}  // namespace evloopd::workloads
