#pragma once

#include <functional>
#include <string>

#include "control/audit.h"
#include "control/role.h"
#include "host/loop_host.h"

namespace grpc {
class ServerContext;
class Status;
}  // namespace grpc

namespace evloopd::control {

class Calls;
class Peers;

// A call that changes something.
struct Change {
  const char* method;  // "StopLoop"
  Role needed;
  std::string resource;           // as the caller gave it
  bool ends_with_caller = false;  // cancelling the call ends the wait, so it may be as long as the caller likes
};

// What every call that changes something passes through: the role of the socket it came by, the number of calls that
// may wait, the deadline, the audit record. One per socket. Any thread.
class Gate {
 public:
  using Deadline = host::LoopHost::Deadline;
  using Action = std::function<host::HostResult<void>(Deadline)>;

  // All that is passed must outlive the gate.
  Gate(Role role, const Peers& peers, Calls& calls, const AuditSink& audit)
      : role_(role), peers_(peers), calls_(calls), audit_(audit) {}

  // Does `action` on this thread, if it may be done.
  grpc::Status change(grpc::ServerContext& context, const Change& change, const Action& action) const;

 private:
  grpc::Status admit(grpc::ServerContext& context, const Change& change, const Action& action,
                     AuditRecord& record) const;

  const Role role_;
  const Peers& peers_;
  Calls& calls_;
  const AuditSink& audit_;
};

}  // namespace evloopd::control
