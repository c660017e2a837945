#pragma once

#include <memory>

#include "base/block_cache.h"
#include "workloads/linked_list.h"
#include "workloads/proxy/session.h"
#include "workloads/upstreams/connector.h"

namespace evloopd::workloads {

class ProxyShare;
class UpstreamShare;

// A client that waits for its upstream. Its socket is not read meanwhile. Its share owns it; destroying it closes the
// client. Loop thread only.
class Dial final : public evloop::BlockCached, public LinkedList<Dial>::Hook, private Connector::Client {
 public:
  Dial(ProxyShare& share, std::unique_ptr<Session> session, UpstreamShare& upstreams);
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

  // Ends in a call of share.connected() or share.gave_up(), at once or from the loop, which may destroy the dial.
  void start() { upstream.start(); }

  // For who goes on with what has been connected.
  std::unique_ptr<Session> session;
  Connector upstream;

 private:
  void upstream_connected() override;
  void upstream_failed(ConnectFailure why) override;

  ProxyShare& share_;
};

}  // namespace evloopd::workloads
