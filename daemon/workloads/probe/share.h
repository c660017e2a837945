#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "aio/event_loop.h"
#include "host/workload.h"
#include "workloads/probe/target_list.h"

namespace evloopd::workloads {

// Probes the targets, in a task for each, on the one loop of the workload. What it calls its connections are the probes
// that are under way. Loop thread only.
class ProbeShare final : public host::WorkloadShare {
 public:
  ProbeShare(evloop::EventLoop& loop, std::shared_ptr<TargetList> list);
  ~ProbeShare() override;

  void introduce(const host::ShareNames& names) override;
  void accepted(host::Accepted /*connection*/) override {}  // it listens nowhere
  [[nodiscard]] std::size_t connections() const override;
  // What is under way comes to its end; nothing else is begun, until it is resumed.
  void drain() override;
  void resume() override;
  void abort() override;

 private:
  struct Duty;
  struct Turn;
  struct Probing {
    std::shared_ptr<ProbeTarget> target;
    std::shared_ptr<Turn> turn;
    evloop::Task<void> task;
  };

  // Begins what is new in the list, and ends what is not in it any more.
  void work();
  static evloop::Coro<void> keep_probing(std::shared_ptr<ProbeTarget> target, std::shared_ptr<Turn> turn,
                                         std::uint32_t seed);
  static evloop::Coro<std::string> probe_once(std::shared_ptr<ProbeTarget> target, std::shared_ptr<Turn> turn);

  evloop::EventLoop& loop_;
  const std::shared_ptr<TargetList> list_;
  const std::shared_ptr<Duty> duty_;
  std::vector<Probing> probings_;
  bool resting_ = false;
};

}  // namespace evloopd::workloads
