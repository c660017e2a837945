#pragma once

#include <memory>
#include <string_view>

#include "host/workload.h"

namespace evloopd::workloads {

// `tcp.discard`: takes all that comes, sends nothing, and closes when its client does.
class TcpDiscard final : public host::Workload {
 public:
  [[nodiscard]] std::string_view kind() const override { return "tcp.discard"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop& loop) override;
  [[nodiscard]] Adoption adopt(host::Workload& wanted) override {
    return dynamic_cast<TcpDiscard*>(&wanted) ? Adoption::same : Adoption::impossible;
  }
};

}  // namespace evloopd::workloads
