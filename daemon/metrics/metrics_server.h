#pragma once

#include <functional>
#include <memory>
#include <string>

#include "host/loop_host.h"

namespace evloopd::metrics {

struct MetricsOptions {
  std::string address = "127.0.0.1:9464";  // IPv4 or IPv6 with its port, 0: any
  std::string version;                     // for evloopd_build_info
};

// What Prometheus scrapes, over plain HTTP: on a thread with a loop of its own, from published records, so it
// answers whatever the hosted loops do.
//
//   GET /metrics   every metric, in Prometheus' text format
//   GET /healthz   200 while the process answers
//   GET /readyz    200 while `is_ready` says so, else 503
//
// Owned by the daemon. It serves from construction to destruction.
class MetricsServer {
 public:
  // `host` must outlive the server; `is_ready` is called on its thread. Throws std::system_error that names the
  // address, or evloop::ValueError for one that is none.
  MetricsServer(const host::LoopHost& host, MetricsOptions options, std::function<bool()> is_ready);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // As bound: with the port that was found for 0.
  [[nodiscard]] const std::string& address() const noexcept;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

// All metrics, in Prometheus' text format. Any thread.
[[nodiscard]] std::string metrics_text(const host::LoopHost& host, const std::string& version);

}  // namespace evloopd::metrics
