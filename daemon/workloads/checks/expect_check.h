#pragma once

#include <string>

#include "aio/event_loop.h"
#include "net/streams.h"
#include "workloads/checks/options.h"

namespace evloopd::workloads {

// Sends a text, if there is one, and reads until another has come: within the first 64 KiB. Throws ValueError if it has
// not. What it is given is alive until then.
evloop::Coro<std::string> expect_answer(const evloop::Stream& stream, const CheckOptions& options);

}  // namespace evloopd::workloads
