#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "aio/event_loop.h"
#include "base/block_cache.h"
#include "base/unique_fd.h"
#include "workloads/linked_list.h"
#include "workloads/proxy/balancer.h"
#include "workloads/proxy/session.h"

namespace evloopd::workloads {

class ProxyShare;

// A client that waits for its upstream: asks the balancer, connects without blocking, and goes on to the next
// upstream when that fails or takes too long. The client's socket is not read meanwhile. Its share owns it; destroying
// it closes the client. Loop thread only.
class Dial final : public evloop::BlockCached, public LinkedList<Dial>::Hook {
 public:
  Dial(ProxyShare& share, std::unique_ptr<Session> session);
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;
  ~Dial() { stop_waiting(); }

  // Ends in a call of share.connected() or share.gave_up(), at once or from the loop, which may destroy the dial.
  void start() { try_next(); }

  // For who goes on with what has been connected.
  std::unique_ptr<Session> session;
  evloop::UniqueFd upstream;
  Balancer::Place place;

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
  int error_ = 0;  // of the last attempt
  std::vector<std::size_t> tried_;  // upstreams that failed
};

}  // namespace evloopd::workloads
