#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "control/audit.h"
#include "control/daemon_info.h"
#include "control/role.h"
#include "control/workload_source.h"
#include "host/loop_host.h"

namespace evloopd::control {

class Calls;
class Health;

struct EndpointOptions {
  std::string socket;
  mode_t mode = 0600;
  std::string group;  // empty: the process's own
  Role role = Role::observer;
  std::size_t threads = 0;  // gRPC threads at most
};

// One unix socket, the role of all who come by it, and a gRPC server of its own with all services, the standard health
// service and reflection. Serves from construction to destruction. One thread.
class Endpoint {
 public:
  // All that is passed by reference must outlive the endpoint. Throws as UnixListener does.
  Endpoint(EndpointOptions options, host::LoopHost& host, const DaemonInfo& info, const host::LoopOptions& defaults,
           const WorkloadSource& source, Calls& calls, Health& health, const AuditSink& audit);
  ~Endpoint();  // as shutdown(now)
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // Accepts no connection any more and removes the socket's file.
  void stop_accepting();

  // Takes no call any more; cancels those that are not done by `deadline`, and returns when the last has returned.
  void shutdown(std::chrono::system_clock::time_point deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evloopd::control
