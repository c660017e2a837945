#pragma once

#include <memory>
#include <string_view>

#include "host/workload.h"
#include "workloads/options.h"

namespace evloopd::workloads {

// `http.respond`: answers every HTTP/1.0 and 1.1 request with one fixed reply. Keep-alive, pipelining, bodies that are
// read and ignored; what is not HTTP gets a 4xx or 5xx of its own and the end of the connection.
class HttpRespond final : public host::Workload {
 public:
  explicit HttpRespond(HttpRespondOptions options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view kind() const override { return "http.respond"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop& loop) override;

  [[nodiscard]] Adoption adopt(host::Workload& wanted) override {
    const auto* other = dynamic_cast<HttpRespond*>(&wanted);
    return other && other->options_ == options_ ? Adoption::same : Adoption::impossible;
  }

 private:
  const HttpRespondOptions options_;
};

}  // namespace evloopd::workloads
