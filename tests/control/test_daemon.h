#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "control/control_server.h"
#include "host/loop_host.h"

// A daemon without a program around it: real loops and a control plane on sockets in a folder of its own.
namespace evloopd::control::testing {

inline constexpr std::chrono::seconds patience{20};  // for what must happen; only a failing test waits that long

// A gate on the way of a loop's thread.
class Block {
 public:
  // Holds up the calling thread until open().
  void pass();
  void open();

  // True once a thread is held up; false if none came within `patience`.
  [[nodiscard]] bool wait_until_held();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;  // guarded by mutex_
  bool open_ = false;  // guarded by mutex_
};

// A workload whose connections are a number. They go when they are cut, or when the test says so.
class Holder final : public host::Workload {
 public:
  struct State {
    std::atomic<std::size_t> connections{0};  // on each of its loops
    std::atomic<int> drained{0};
    std::atomic<evloop::EventLoop*> loop{nullptr};  // the first one
  };

  explicit Holder(std::shared_ptr<State> state) : state_(std::move(state)) {}

  [[nodiscard]] std::string_view kind() const override { return "test.holder"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop& loop) override;

 private:
  const std::shared_ptr<State> state_;
};

class TestDaemon {
 public:
  explicit TestDaemon(ControlOptions options = {});
  ~TestDaemon();  // opens `block`
  TestDaemon(const TestDaemon&) = delete;
  TestDaemon& operator=(const TestDaemon&) = delete;

  [[nodiscard]] std::string observe_target() const { return "unix:" + folder_ + "/observe.sock"; }
  [[nodiscard]] std::string admin_target() const { return "unix:" + folder_ + "/admin.sock"; }
  [[nodiscard]] std::vector<AuditRecord> audit() const;

  // Makes a loop and runs it; a failure fails the test.
  void run_loop(const std::string& name);
  // Makes a workload that has upstreams, on a loop that is there. A weight of more than 256 is refused, and of its
  // faults a latency of more than a minute.
  void forward(const std::string& workload, const std::string& loop);
  // Makes a loop with that many connections and runs it.
  std::shared_ptr<Holder::State> run_loop_with(std::size_t connections, const std::string& name);

 private:
  host::JobCatalogue jobs();

  std::string folder_;
  mutable std::mutex audit_mutex_;
  std::vector<AuditRecord> audit_;  // guarded by audit_mutex_

 public:
  // Jobs: `echo text=...` answers with its text, `fail message=...` throws std::runtime_error, `block` holds up its
  // loop's thread at `block`, `forever` waits for ever and can be cancelled.
  Block block;
  host::LoopHost host;
  ControlServer control;
};

}  // namespace evloopd::control::testing
