#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "control/audit.h"
#include "control/daemon_info.h"
#include "control/workload_source.h"
#include "host/loop_host.h"

namespace evloopd::control {

struct ControlOptions {
  std::string observe_socket;  // who connects here may read
  std::string admin_socket;    // who connects here may do everything
  mode_t observe_mode = 0666;
  mode_t admin_mode = 0600;
  std::string observe_group;  // empty: the process's own
  std::string admin_group;
  std::size_t waiting_calls = 128;        // calls that may wait for loops at one time; the next is TOO_MANY_CALLS
  std::size_t waiting_calls_of_one = 16;  // and for any one loop
  host::LoopOptions loop_defaults;        // what CreateLoop does not say
  WorkloadSource workload_source;         // of ApplyWorkload; null: it is refused
};

// The gRPC control plane of a daemon: two unix sockets, a role each. It translates and keeps no state of its own but
// the health of the loops, and runs on gRPC's threads: it answers reads at once whatever the loops do.
//
//   ControlServer control(host, info, options, audit);
//   host.on_state_change([&](const auto& loop) { control.loop_changed(loop); });   // before the first loop
//   ...
//   control.start();
//
// Owned by the daemon, used by one thread except where it says otherwise.
class ControlServer {
 public:
  // Opens nothing yet. `host` must outlive the server.
  ControlServer(host::LoopHost& host, DaemonInfo info, ControlOptions options, AuditSink audit);

  // As stop() without grace. Then it waits for calls that a loop still holds up, at most five minutes
  // (deadline.h), because they use the host: a process that wants to be gone sooner asks stop() first.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Serves on both sockets. Throws std::runtime_error or std::system_error that names the socket and what is wrong: a
  // path too long, another daemon behind it, no right. Nothing is left open then.
  void start();

  // Standard health: `evloopd.loops/{loop}` is SERVING while the loop is RUNNING. Any thread, also before start().
  void loop_changed(const host::LoopSnapshot& loop);

  // Standard health of the daemon as a whole (the empty service name): SERVING from start() on until told. Any thread.
  void set_serving(bool serving);

  // Accepts nothing more, lets calls end until `grace` has passed, then cancels them. Answers the calls that a loop
  // holds up all the same ("StopLoop loops/io-0"); none: everything has ended. Returns soon after the grace in any
  // case.
  [[nodiscard]] std::vector<std::string> stop(std::chrono::nanoseconds grace);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evloopd::control
