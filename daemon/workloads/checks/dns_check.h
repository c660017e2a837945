#pragma once

#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "workloads/checks/options.h"

namespace evloopd::workloads {

// Asks name servers ("127.0.0.1:53"; none: the system's) for records. Throws std::system_error if there are none, and
// ValueError if they are others than wanted. What it is given is alive until then.
evloop::Coro<std::string> ask_dns(const CheckOptions& options, const std::vector<std::string>& servers);

}  // namespace evloopd::workloads
