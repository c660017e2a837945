#include "control/endpoint.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/log.h"
#include "control/acceptor.h"
#include "control/gate.h"
#include "control/health.h"
#include "control/loop_service.h"
#include "control/peers.h"
#include "control/read_services.h"
#include "control/unix_listener.h"
#include "control/workload_service.h"

namespace evloopd::control {
namespace {

constexpr int largest_request = 256 * 1024;
constexpr std::size_t most_connections = 256;  // to one socket

// gRPC's switch: every server of the process brings it with it.
void enable_reflection() {
  static std::once_flag once;
  std::call_once(once, [] { grpc::reflection::InitProtoReflectionServerBuilderPlugin(); });
}

}  // namespace

class Endpoint::Impl {
 public:
  Impl(EndpointOptions options, host::LoopHost& host, const DaemonInfo& info, const host::LoopOptions& defaults,
       const WorkloadSource& source, Calls& calls, Health& health, const AuditSink& audit)
      : gate_(options.role, peers_, calls, audit),
        loops_(host, gate_, defaults),
        inspection_(host),
        workloads_(host, gate_, source),
        daemon_(host, info),
        health_(health) {
    listener_.emplace(options.socket, options.mode, options.group);
    server_ = build(options);
    if (!server_) throw std::runtime_error("control socket '" + options.socket + "': gRPC did not start");
    acceptor_.emplace(listener_->fd(), [this](evloop::UniqueFd connection, PeerCredentials peer) {
      serve(std::move(connection), peer);
    });
  }

  ~Impl() {
    stop_accepting();
    shutdown(std::chrono::system_clock::now());
  }

  void stop_accepting() {
    acceptor_.reset();
    listener_.reset();
  }

  void shutdown(std::chrono::system_clock::time_point deadline) { server_->Shutdown(deadline); }

 private:
  // Acceptor's thread.
  void serve(evloop::UniqueFd connection, PeerCredentials peer) {
    // Whoever may connect must not be able to use up the daemon's descriptors.
    const bool full = !peers_.add(connection.get(), peer);
    if (full && !was_full_)
      evloop::log(evloop::LogLevel::warning,
                  fmt::format("control socket '{}': {} connections are open, the next are turned away",
                              listener_->path(), most_connections));
    was_full_ = full;
    if (!full) grpc::AddInsecureChannelFromFd(server_.get(), connection.release());
  }

  std::unique_ptr<grpc::Server> build(const EndpointOptions& options) {
    enable_reflection();
    grpc::ServerBuilder builder;
    builder.RegisterService(&loops_);
    builder.RegisterService(&inspection_);
    builder.RegisterService(&workloads_);
    builder.RegisterService(&daemon_);
    builder.RegisterService(&health_);
    builder.SetMaxReceiveMessageSize(largest_request);
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);  // control calls are rare
    builder.SetResourceQuota(grpc::ResourceQuota(options.socket).SetMaxThreads(static_cast<int>(options.threads)));
    return builder.BuildAndStart();
  }

  Peers peers_{most_connections};
  Gate gate_;
  LoopService loops_;
  InspectionService inspection_;
  WorkloadService workloads_;
  DaemonService daemon_;
  HealthService health_;
  std::optional<UnixListener> listener_;
  std::unique_ptr<grpc::Server> server_;
  bool was_full_ = false;  // acceptor's thread only
  std::optional<Acceptor> acceptor_;
};

Endpoint::Endpoint(EndpointOptions options, host::LoopHost& host, const DaemonInfo& info,
                   const host::LoopOptions& defaults, const WorkloadSource& source, Calls& calls, Health& health,
                   const AuditSink& audit)
    : impl_(std::make_unique<Impl>(std::move(options), host, info, defaults, source, calls, health, audit)) {}
Endpoint::~Endpoint() = default;

void Endpoint::stop_accepting() { impl_->stop_accepting(); }
void Endpoint::shutdown(std::chrono::system_clock::time_point deadline) { impl_->shutdown(deadline); }

}  // namespace evloopd::control
