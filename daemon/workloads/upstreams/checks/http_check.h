#pragma once

#include <string>

#include "aio/event_loop.h"
#include "net/socket_address.h"
#include "net/streams.h"
#include "workloads/upstreams/options.h"

namespace evloopd::workloads {

// Sends one HTTP/1.1 request and looks at the answer. Throws ValueError if that is no HTTP, or has another status,
// header or body than is wanted. What it is given is alive until then.
evloop::Coro<std::string> ask_http(const evloop::Stream& stream, const CheckOptions& options,
                                   const evloop::SocketAddress& address);

// Whether a status is one of those: "200", "2xx".
[[nodiscard]] bool status_fits(int status, const std::vector<std::string>& wanted);

}  // namespace evloopd::workloads
