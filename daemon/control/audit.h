#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "control/role.h"

namespace evloopd::control {

// One call that changes something, or would have: it is recorded whether it was allowed or refused.
struct AuditRecord {
  std::chrono::system_clock::time_point time;  // of the answer
  std::string method;                          // "StopLoop"
  std::string resource;                        // "loops/io-0", as the caller gave it
  std::string peer;                            // "uid=1000 gid=1000 pid=4242", or "unknown"
  Role role = Role::observer;                  // the caller's
  std::string outcome;                         // "OK", or the error's reason such as "LOOP_CLOSED"
  std::string message;                         // the error's sentence; empty when OK
  std::chrono::nanoseconds duration{};
};

// Called on the thread that answers the call, before the answer goes out; several may call at once.
using AuditSink = std::function<void(const AuditRecord&)>;

}  // namespace evloopd::control
