#pragma once

#include <string>

#include "aio/event_loop.h"
#include "net/streams.h"
#include "workloads/checks/options.h"

namespace evloopd::workloads {

// Sends one HTTP/1.1 request and looks at the answer. Throws ValueError if that is no HTTP, or has another status,
// header or body than is wanted. `authority`: who is asked, unless the options say. What it is given is alive until
// then.
evloop::Coro<std::string> ask_http(const evloop::Stream& stream, const CheckOptions& options,
                                   const std::string& authority);

// Whether a status is one of those: "200", "2xx".
[[nodiscard]] bool status_fits(int status, const std::vector<std::string>& wanted);

}  // namespace evloopd::workloads
