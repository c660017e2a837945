#include "control/control_server.h"

#include <array>
#include <future>
#include <utility>

#include "control/calls.h"
#include "control/endpoint.h"
#include "control/health.h"

namespace evloopd::control {
namespace {

// Beside the waiting calls: for reads, open reflection streams, and gRPC's own pollers.
constexpr std::size_t spare_threads = 32;
// Calls that were cancelled and are not held up need a moment to return.
constexpr std::chrono::milliseconds time_to_unwind{500};

}  // namespace

class ControlServer::Impl {
 public:
  Impl(host::LoopHost& host, DaemonInfo info, ControlOptions options, AuditSink audit)
      : host_(host),
        info_(std::move(info)),
        options_(std::move(options)),
        audit_(std::move(audit)),
        calls_(options_.waiting_calls, options_.waiting_calls_of_one) {}

  void start() {
    // Loops made before anybody told us about changes; what we were told is newer.
    for (const auto& loop : host_.list())
      if (!loop.replaced) health_.add(service_of(loop), is_serving(loop));
    const auto threads = options_.waiting_calls + spare_threads;
    endpoints_ = {
        open({options_.admin_socket, options_.admin_mode, options_.admin_group, Role::admin, threads}),
        open({options_.observe_socket, options_.observe_mode, options_.observe_group, Role::observer, threads})};
  }

  // Of one that was replaced nobody asks, by the name that is its own until it goes.
  void loop_changed(const host::LoopSnapshot& loop) {
    if (!loop.replaced) health_.set(service_of(loop), is_serving(loop));
  }
  void set_serving(bool serving) { health_.set("", serving); }

  std::vector<std::string> stop(std::chrono::nanoseconds grace) {
    if (!endpoints_[0]) return {};
    for (const auto& endpoint : endpoints_) endpoint->stop_accepting();
    health_.close();
    const auto now = std::chrono::system_clock::now();
    const auto deadline = now + std::chrono::duration_cast<std::chrono::system_clock::duration>(grace);
    // Shutdown returns only after the last handler, and a handler may be held up: wait for it elsewhere.
    for (std::size_t i = 0; i < endpoints_.size(); ++i)
      if (!shutdowns_[i].valid())
        shutdowns_[i] = std::async(std::launch::async, &Endpoint::shutdown, endpoints_[i].get(), deadline);
    bool done = true;
    for (const auto& shutdown : shutdowns_)
      done &= shutdown.wait_until(deadline + time_to_unwind) == std::future_status::ready;
    return done ? std::vector<std::string>{} : calls_.waiting();
  }

 private:
  std::unique_ptr<Endpoint> open(EndpointOptions options) {
    return std::make_unique<Endpoint>(std::move(options), host_, info_, options_.loop_defaults,
                                      options_.workload_source, calls_, health_, audit_);
  }

  static std::string service_of(const host::LoopSnapshot& loop) { return "evloopd.loops/" + loop.name; }
  static bool is_serving(const host::LoopSnapshot& loop) { return loop.state == host::LoopState::running; }

  // Constant after construction.
  host::LoopHost& host_;
  const DaemonInfo info_;
  const ControlOptions options_;
  const AuditSink audit_;

  Calls calls_;
  Health health_;
  std::array<std::unique_ptr<Endpoint>, 2> endpoints_;  // empty until start()
  std::array<std::future<void>, 2> shutdowns_;          // their destructors wait for the end
};

ControlServer::ControlServer(host::LoopHost& host, DaemonInfo info, ControlOptions options, AuditSink audit)
    : impl_(std::make_unique<Impl>(host, std::move(info), std::move(options), std::move(audit))) {}

ControlServer::~ControlServer() { static_cast<void>(stop(std::chrono::nanoseconds::zero())); }

void ControlServer::start() { impl_->start(); }
void ControlServer::loop_changed(const host::LoopSnapshot& loop) { impl_->loop_changed(loop); }
void ControlServer::set_serving(bool serving) { impl_->set_serving(serving); }
std::vector<std::string> ControlServer::stop(std::chrono::nanoseconds grace) { return impl_->stop(grace); }

}  // namespace evloopd::control
