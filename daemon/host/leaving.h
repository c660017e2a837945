#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/hosted_loop.h"
#include "host/workload.h"

namespace evloopd::host {

// Generations of workloads that were replaced or removed and still have connections. These come to their end as in a
// drain of their loop, and are cut when its time is over. Any thread.
class Leaving {
 public:
  using Loops = std::vector<std::shared_ptr<HostedLoop>>;

  // Has the generation's shares on these loops drain. It takes no new connections any more.
  void add(std::string workload, std::string key, Loops loops, std::shared_ptr<Workload> generation);
  // Lets go of what has come to its end, and cuts what is late. Called now and then.
  void look(HostedLoop::Deadline now);
  // Connections that a workload has in generations that leave.
  [[nodiscard]] std::uint64_t connections(const std::string& workload) const;

 private:
  struct Share {
    std::shared_ptr<HostedLoop> loop;
    // The loop accepts nobody for it any more: until then it may still get connections.
    std::shared_ptr<const std::atomic<bool>> told;
    HostedLoop::Deadline deadline;
    bool cut = false;
  };
  struct Generation {
    std::string workload;
    std::string key;
    std::vector<Share> shares;  // of the loops on which it is not gone
    std::shared_ptr<Workload> keep;
  };

  mutable std::mutex mutex_;
  std::vector<Generation> generations_;  // guarded by mutex_
};

}  // namespace evloopd::host
