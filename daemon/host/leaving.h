#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
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
  struct Generation;
  using Generations = std::vector<std::shared_ptr<Generation>>;

  // Has the generation's shares on these loops drain, for so long, or for each loop's drain timeout. It takes no new
  // connections any more.
  std::shared_ptr<Generation> add(std::string workload, std::string key, Loops loops,
                                  std::shared_ptr<Workload> generation, std::optional<Nanos> timeout);
  // Lets go of what has come to its end, and cuts what is late. Called now and then.
  void look(HostedLoop::Deadline now);
  // Connections that a workload has in generations that leave.
  [[nodiscard]] std::uint64_t connections(const std::string& workload) const;

  // Those of a workload that leave now.
  [[nodiscard]] Generations of(const std::string& workload) const;
  // Has them be cut by then at the latest.
  void limit(const Generations& generations, HostedLoop::Deadline deadline);
  // How they go, all together.
  [[nodiscard]] WorkloadDrainSnapshot snapshot(const std::string& workload, const Generations& generations) const;

 private:
  mutable std::mutex mutex_;
  Generations generations_;  // guarded by mutex_, and so is what is in them
};

}  // namespace evloopd::host
