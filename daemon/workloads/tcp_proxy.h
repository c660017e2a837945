#pragma once

#include <memory>
#include <string_view>

#include "host/workload.h"
#include "workloads/options.h"
#include "workloads/proxy/share.h"

namespace evloopd::workloads {

// `tcp.proxy`: relays bytes between each client and one of several upstreams. Holds at most `buffer` bytes, and what
// one receive brings, for a slow reader in each direction; passes half-close and reset on.
class TcpProxy final : public host::Workload {
 public:
  // Throws ValueError for upstreams that settings/ would have refused.
  explicit TcpProxy(TcpProxyOptions options) : config_(std::move(options)) {}

  [[nodiscard]] std::string_view kind() const override { return "tcp.proxy"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop& loop) override;
  // Reads the certificates' files again, for handshakes from now on; what is open stays. Throws what reading them
  // throws, and goes on with the old ones. Any thread. It happens by itself too, within seconds of a change, when
  // clients come.
  void reload_certificates() {
    if (config_.certificates) config_.certificates->reload();
  }

  // In place if nothing but its list of upstreams and its faults differs.
  [[nodiscard]] Adoption adopt(host::Workload& wanted) override;
  [[nodiscard]] std::vector<host::NamedCount> ends() const override { return config_.ends.all(); }
  [[nodiscard]] std::uint64_t dropped_log_lines() const override {
    return config_.access_log ? config_.access_log->dropped() : 0;
  }
  // Its own, not those of its routes.
  [[nodiscard]] host::Upstreams* upstreams() noexcept override { return config_.pools.front().get(); }
  [[nodiscard]] host::Faults* faults() noexcept override { return &config_.faults; }

 private:
  ProxyConfig config_;
};

}  // namespace evloopd::workloads
