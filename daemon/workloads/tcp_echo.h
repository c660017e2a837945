#pragma once

#include <memory>
#include <string_view>

#include "host/workload.h"

namespace evloopd::workloads {

// `tcp.echo`: sends back what it gets. Stops reading from a client that does not read.
class TcpEcho final : public host::Workload {
 public:
  [[nodiscard]] std::string_view kind() const override { return "tcp.echo"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop& loop) override;
  [[nodiscard]] Adoption adopt(host::Workload& wanted) override {
    return dynamic_cast<TcpEcho*>(&wanted) ? Adoption::same : Adoption::impossible;
  }
};

}  // namespace evloopd::workloads
