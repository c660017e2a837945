#include "workloads/make_workload.h"

#include "workloads/http_respond.h"
#include "workloads/tcp_discard.h"
#include "workloads/tcp_echo.h"
#include "workloads/tcp_proxy.h"

namespace evloopd::workloads {
namespace {

std::unique_ptr<host::Workload> make(const TcpEchoOptions& /*options*/) { return std::make_unique<TcpEcho>(); }
std::unique_ptr<host::Workload> make(const TcpDiscardOptions& /*options*/) { return std::make_unique<TcpDiscard>(); }
std::unique_ptr<host::Workload> make(const HttpRespondOptions& options) {
  return std::make_unique<HttpRespond>(options);
}
std::unique_ptr<host::Workload> make(const TcpProxyOptions& options) { return std::make_unique<TcpProxy>(options); }

}  // namespace

std::unique_ptr<host::Workload> make_workload(const KindOptions& options) {
  return std::visit([](const auto& kind) { return make(kind); }, options);
}

}  // namespace evloopd::workloads
