#pragma once

#include <cstddef>
#include <vector>

#include "aio/event_loop.h"
#include "base/block_cache.h"
#include "base/unique_fd.h"
#include "workloads/linked_list.h"
#include "workloads/open_connections.h"
#include "workloads/proxy/balancer.h"

namespace evloopd::workloads {

class ProxyShare;

// A client that waits for its upstream: asks the balancer, connects without blocking, and goes on to the next
// upstream when that fails or takes too long. The client's socket is not read meanwhile. Its share owns it; destroying
// it closes the client. Loop thread only.
class Dial final : public evloop::BlockCached, public LinkedList<Dial>::Hook {
 public:
  Dial(ProxyShare& share, evloop::UniqueFd client);
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;
  ~Dial() { stop_waiting(); }

  // Ends in a call of share.connected() or share.gave_up(), at once or from the loop, which may destroy the dial.
  void start() { try_next(); }

  // For who goes on with what has been connected.
  evloop::UniqueFd client;
  evloop::UniqueFd upstream;
  Balancer::Place place;
  OpenConnections::Slot slot;

 private:
  void try_next();
  [[nodiscard]] int connect();
  void wait();
  void waited(int error);
  void failed(int error);
  void stop_waiting() noexcept;

  ProxyShare& share_;
  evloop::TimerHandle timer_;
  bool waiting_ = false;
  std::vector<std::size_t> tried_;  // upstreams that failed
};

}  // namespace evloopd::workloads
