#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "host/workload.h"
#include "workloads/options.h"
#include "workloads/udp/share.h"

namespace evloopd::workloads {

// `udp.relay`: relays datagrams between clients and upstreams. A client at a listener has a session, and through it one
// upstream, until neither has sent anything for a while.
class UdpRelay final : public host::Workload {
 public:
  // Throws ValueError for upstreams that settings/ would have refused.
  explicit UdpRelay(UdpRelayOptions options) : config_(std::move(options)) {}

  [[nodiscard]] std::string_view kind() const override { return "udp.relay"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop& loop) override;
  // In place if nothing but its list of upstreams differs.
  [[nodiscard]] Adoption adopt(host::Workload& wanted) override;
  // Of sessions.
  [[nodiscard]] std::vector<host::NamedCount> ends() const override { return config_.counts.ended.all(); }
  [[nodiscard]] std::vector<host::Fact> facts() const override;
  [[nodiscard]] std::vector<host::Measure> measures() const override;
  [[nodiscard]] host::Upstreams* upstreams() noexcept override { return config_.pool.get(); }

 private:
  UdpRelayConfig config_;
};

}  // namespace evloopd::workloads
