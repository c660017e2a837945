#pragma once

#include <string>
#include <vector>

#include "aio/event_loop.h"
#include "net/socket_address.h"

namespace evloopd::workloads {

// Runs a program, with the address in its environment (see CheckOptions) and nothing to read; what it writes is
// dropped. Throws ValueError unless it exits with 0. Cancelled, it kills the program.
evloop::Coro<std::string> run_program(std::vector<std::string> command, evloop::SocketAddress address);

}  // namespace evloopd::workloads
