#pragma once

#include <memory>

#include "workloads/http_respond.h"
#include "workloads/options.h"
#include "workloads/tcp_discard.h"
#include "workloads/tcp_echo.h"
#include "workloads/tcp_proxy.h"
#include "workloads/udp_relay.h"

namespace evloopd::workloads {

// The workload that options are of.
inline std::unique_ptr<host::Workload> make_workload(const TcpEchoOptions&) { return std::make_unique<TcpEcho>(); }
inline std::unique_ptr<host::Workload> make_workload(const TcpDiscardOptions&) {
  return std::make_unique<TcpDiscard>();
}
inline std::unique_ptr<host::Workload> make_workload(const HttpRespondOptions& options) {
  return std::make_unique<HttpRespond>(options);
}
inline std::unique_ptr<host::Workload> make_workload(const TcpProxyOptions& options) {
  return std::make_unique<TcpProxy>(options);
}
inline std::unique_ptr<host::Workload> make_workload(const UdpRelayOptions& options) {
  return std::make_unique<UdpRelay>(options);
}

}  // namespace evloopd::workloads
