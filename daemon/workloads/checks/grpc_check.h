#pragma once

#include <string>

#include "aio/event_loop.h"
#include "net/streams.h"
#include "workloads/checks/options.h"

namespace evloopd::workloads {

// Asks the standard gRPC health service (grpc.health.v1) whether a service serves. Throws ValueError if it does not, or
// if that is no gRPC. `authority`: who is asked, unless the options say. What it is given is alive until then.
evloop::Coro<std::string> ask_grpc_health(const evloop::Stream& stream, const CheckOptions& options,
                                          const std::string& authority);

}  // namespace evloopd::workloads
