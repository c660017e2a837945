#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "aio/event_loop.h"
#include "host/workload.h"
#include "workloads/exec/program.h"
#include "workloads/item_list.h"

namespace evloopd::workloads {

using ProgramList = ItemList<Program>;

// Runs the programs, in a task for each, on the one loop of the workload. What it calls its connections are the
// processes that are there. Loop thread only.
class ExecShare final : public host::WorkloadShare {
 public:
  ExecShare(evloop::EventLoop& loop, std::shared_ptr<ProgramList> list);
  ~ExecShare() override;

  void introduce(const host::ShareNames& names) override;
  void accepted(host::Accepted /*connection*/) override {}  // it listens nowhere
  [[nodiscard]] std::size_t connections() const override;
  // What runs is stopped; nothing else is started, until it is resumed.
  void drain() override;
  void resume() override;
  // What runs is killed.
  void abort() override;

 private:
  struct Duty;
  struct Turn;
  struct Keeping {
    std::shared_ptr<Program> program;
    std::shared_ptr<Turn> turn;
    evloop::Task<void> task;
  };

  // Begins what is new in the list, and ends what is not in it any more.
  void work();
  static void end(const Keeping& keeping);
  static evloop::Coro<void> keep(std::shared_ptr<Program> program, std::shared_ptr<Turn> turn, std::uint32_t seed);
  static evloop::Coro<void> supervise(std::shared_ptr<Program> program, std::shared_ptr<Turn> turn, std::uint32_t seed);
  static evloop::Coro<void> run_at_intervals(std::shared_ptr<Program> program, std::shared_ptr<Turn> turn);
  // From start to end. Cancelled, it leaves nothing behind.
  static evloop::Coro<ProgramEnd> run_once(std::shared_ptr<Program> program, std::shared_ptr<Turn> turn);

  evloop::EventLoop& loop_;
  const std::shared_ptr<ProgramList> list_;
  const std::shared_ptr<Duty> duty_;
  std::vector<Keeping> keepings_;
  bool resting_ = false;
};

}  // namespace evloopd::workloads
