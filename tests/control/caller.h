#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "control/test_daemon.h"
#include "evloopd/control/v1/daemon_service.grpc.pb.h"
#include "evloopd/control/v1/inspection_service.grpc.pb.h"
#include "evloopd/control/v1/loop_service.grpc.pb.h"
#include "evloopd/control/v1/workload_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

// A client of a TestDaemon, and what its answers say.
namespace evloopd::control::testing {

inline google::rpc::ErrorInfo info_of(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (details.ParseFromString(status.error_details()) && details.details_size() == 1)
    details.details(0).UnpackTo(&info);
  return info;
}

inline std::string reason_of(const grpc::Status& status) { return info_of(status).reason(); }

inline std::string metadata_of(const grpc::Status& status, const std::string& key) {
  const auto info = info_of(status);
  const auto found = info.metadata().find(key);
  return found == info.metadata().end() ? "" : found->second;
}

// One connection to one of the two sockets.
class Caller {
 public:
  explicit Caller(const std::string& target)
      : channel_(grpc::CreateChannel(target, grpc::InsecureChannelCredentials())),
        loops(channel_),
        inspection(channel_),
        workloads(channel_),
        daemon(channel_),
        health(channel_) {}

  template <class Stub, class Request, class Response>
  grpc::Status call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response& response, std::chrono::nanoseconds timeout = patience) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout));
    return (stub.*method)(&context, request, &response);
  }

  grpc::Status get(const std::string& loop, v1::Loop& answer) {
    v1::GetLoopRequest request;
    request.set_name("loops/" + loop);
    return call(loops, &v1::LoopService::Stub::GetLoop, request, answer);
  }
  grpc::Status create(const std::string& loop) {
    v1::CreateLoopRequest request;
    request.set_loop_id(loop);
    v1::Loop answer;
    return call(loops, &v1::LoopService::Stub::CreateLoop, request, answer);
  }
  grpc::Status start(const std::string& loop) {
    return change<v1::StartLoopRequest>(loop, &v1::LoopService::Stub::StartLoop);
  }
  grpc::Status stop(const std::string& loop, std::chrono::nanoseconds timeout = patience) {
    return change<v1::StopLoopRequest>(loop, &v1::LoopService::Stub::StopLoop, timeout);
  }
  grpc::Status close(const std::string& loop) {
    return change<v1::CloseLoopRequest>(loop, &v1::LoopService::Stub::CloseLoop);
  }
  grpc::Status remove(const std::string& loop) {
    v1::DeleteLoopRequest request;
    request.set_name("loops/" + loop);
    v1::DeleteLoopResponse answer;
    return call(loops, &v1::LoopService::Stub::DeleteLoop, request, answer);
  }
  grpc::Status run(const std::string& loop, const std::string& kind, const std::map<std::string, std::string>& options,
                   std::string* result = nullptr) {
    v1::RunUntilCompleteResponse answer;
    const auto status = call(loops, &v1::LoopService::Stub::RunUntilComplete, job(loop, kind, options), answer);
    if (result != nullptr) *result = answer.result();
    return status;
  }
  static v1::RunUntilCompleteRequest job(const std::string& loop, const std::string& kind,
                                         const std::map<std::string, std::string>& options = {}) {
    v1::RunUntilCompleteRequest request;
    request.set_name("loops/" + loop);
    request.mutable_job()->set_kind(kind);
    request.mutable_job()->mutable_options()->insert(options.begin(), options.end());
    return request;
  }

  // SERVING and so on, or the name of the error.
  std::string health_of(const std::string& service) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse answer;
    const auto status = call(health, &grpc::health::v1::Health::Stub::Check, request, answer);
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) return "NOT_FOUND";
    if (!status.ok()) return status.error_message();
    return grpc::health::v1::HealthCheckResponse::ServingStatus_Name(answer.status());
  }

 private:
  template <class Request>
  grpc::Status change(const std::string& loop,
                      grpc::Status (v1::LoopService::Stub::*method)(grpc::ClientContext*, const Request&, v1::Loop*),
                      std::chrono::nanoseconds timeout = patience) {
    Request request;
    request.set_name("loops/" + loop);
    v1::Loop answer;
    return call(loops, method, request, answer, timeout);
  }

  std::shared_ptr<grpc::Channel> channel_;

 public:
  v1::LoopService::Stub loops;
  v1::InspectionService::Stub inspection;
  v1::WorkloadService::Stub workloads;
  v1::DaemonService::Stub daemon;
  grpc::health::v1::Health::Stub health;
};

// A call under way on a thread of its own.
using Pending = std::future<grpc::Status>;
inline Pending in_background(std::function<grpc::Status()> call) {
  return std::async(std::launch::async, std::move(call));
}

}  // namespace evloopd::control::testing
