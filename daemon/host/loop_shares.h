#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/listening_socket.h"
#include "host/workload.h"

namespace evloop {
class EventLoop;
}

namespace evloopd::host {

// What a loop has of the workloads: their shares, and the sockets it watches for them at the moment. A workload that is
// replaced while it runs has two for a while: `key` names one of its generations. The loop's thread, except where it
// says otherwise; empty when it is destroyed.
class LoopShares {
 public:
  LoopShares();
  ~LoopShares();

  // Throws what the workload throws. `names` says of which workload and loop; the workload is not attached yet.
  void attach(evloop::EventLoop& loop, const std::string& key, const ShareNames& names,
              std::shared_ptr<Workload> workload);
  void detach(const std::string& key);

  // Starts and ends accepting, or taking datagrams, on a socket for a workload. Without effect if that is so already.
  void watch(evloop::EventLoop& loop, const std::string& key, const SharedSocket& socket);
  void unwatch(const std::string& key, const SharedSocket& socket);

  // Any thread, at once: no connection is accepted and no datagram taken any more.
  void bar() noexcept { barred_.store(true, std::memory_order_relaxed); }

  // All shares, or the one, which does not come back.
  void drain();
  void drain(const std::string& key);
  void abort();
  void abort(const std::string& key);
  // After these, all but those that were drained alone.
  void resume();
  // Destroys everything.
  void clear();

  // Any thread. Open connections of all shares, or of the one; 0 if there is none.
  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] std::size_t connections(const std::string& key) const;

 private:
  struct Attached;

  std::atomic<bool> barred_{false};
  mutable std::mutex mutex_;  // held to change the map, and to read it elsewhere than on the loop's thread
  std::map<std::string, std::unique_ptr<Attached>> attached_;
};

}  // namespace evloopd::host
