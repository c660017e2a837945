#pragma once

#include <memory>

#include "aio/future.h"
#include "base/block_cache.h"
#include "base/unique_fd.h"
#include "net/tls_layer.h"
#include "net/transport.h"
#include "workloads/linked_list.h"
#include "workloads/proxy/session.h"

namespace evloopd::workloads {

class ProxyShare;

// One end of a session that is agreeing on TLS: the client's, before it gets an upstream, or the upstream's. Its share
// owns it. Ends in a call of share.secured() or share.gave_up(), from the loop, which may destroy it. Loop thread only.
class TlsHandshake final : public evloop::BlockCached, public LinkedList<TlsHandshake>::Hook {
 public:
  enum class Side : std::uint8_t { client, upstream };

  TlsHandshake(ProxyShare& share, Side of, std::unique_ptr<Session> session);
  ~TlsHandshake();
  TlsHandshake(const TlsHandshake&) = delete;
  TlsHandshake& operator=(const TlsHandshake&) = delete;

  // `socket` is connected. Throws ValueError for a name that no server can have.
  void start(evloop::UniqueFd socket, const evloop::TlsUse& tls);

  const Side side;
  // For who goes on. The transport reads nothing until it is told to.
  std::unique_ptr<Session> session;
  evloop::Ref<evloop::Transport> transport;

 private:
  class Silence;

  void done(bool failed);

  ProxyShare& share_;
  std::shared_ptr<TlsHandshake*> self_;  // null in it: it is gone, and the callback that was queued has come too late
};

}  // namespace evloopd::workloads
