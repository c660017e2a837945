#pragma once

#include <memory>

#include "aio/event_loop.h"
#include "base/block_cache.h"
#include "workloads/linked_list.h"
#include "workloads/proxy/session.h"

namespace evloopd::workloads {

class ProxyShare;

// A client that has to say something before it gets an upstream: its PROXY header, or whom it wants to reach by TLS
// that goes through as it is. Reads until that is complete; all but the header goes along with the session. Its share
// owns it. Loop thread only.
class Greeting final : public evloop::BlockCached, public LinkedList<Greeting>::Hook {
 public:
  struct Expected {
    bool header = false;
    bool hello = false;  // behind it
  };

  // The session has its socket.
  Greeting(ProxyShare& share, std::unique_ptr<Session> session, Expected expected);
  ~Greeting() { stop_waiting(); }
  Greeting(const Greeting&) = delete;
  Greeting& operator=(const Greeting&) = delete;

  // Ends in a call of share.greeted() or share.gave_up(), at once or from the loop, which may destroy the greeting.
  void start();

  // For who goes on with it.
  std::unique_ptr<Session> session;

 private:
  void read();
  [[nodiscard]] bool understand_header();
  [[nodiscard]] bool understand_hello();
  void fail(EndReason reason);
  void stop_waiting() noexcept;

  ProxyShare& share_;
  Expected expected_;
  evloop::TimerHandle timer_;
  bool waiting_ = false;
};

}  // namespace evloopd::workloads
