#include "workloads/tcp_proxy.h"

namespace evloopd::workloads {

std::unique_ptr<host::WorkloadShare> TcpProxy::attach(evloop::EventLoop& loop) {
  return std::make_unique<ProxyShare>(loop, config_, counters_);
}

}  // namespace evloopd::workloads
