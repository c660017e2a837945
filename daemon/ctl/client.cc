#include "ctl/client.h"

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "ctl/address.h"
#include "ctl/format.h"
#include "evloopd/control/v1/daemon_service.grpc.pb.h"
#include "evloopd/control/v1/inspection_service.grpc.pb.h"
#include "evloopd/control/v1/loop_service.grpc.pb.h"
#include "evloopd/control/v1/workload_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace evloopd::ctl {
namespace {

constexpr int largest_page = 1000;
constexpr std::chrono::seconds time_to_cut{5};  // what is left when a drain's time is over, and to tell of it

std::string code_name(grpc::StatusCode code) {
  constexpr std::array names{
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto index = static_cast<std::size_t>(code);
  return index < names.size() ? names[index] : "UNKNOWN";
}

// Why nobody answers at a unix socket; empty for another target.
std::string what_is_wrong_with(const std::string& socket) {
  if (socket.empty()) return {};
  return ::access(socket.c_str(), F_OK) == 0 ? ": nobody listens there" : ": there is no such socket";
}

CallError to_error(const grpc::Status& status, const std::string& target) {
  CallError error{
      .code = code_name(status.error_code()), .reason = {}, .message = status.error_message(), .metadata = {}};
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (details.ParseFromString(status.error_details()))
    for (const auto& detail : details.details())
      if (detail.UnpackTo(&info)) {
        error.reason = info.reason();
        error.metadata.insert(info.metadata().begin(), info.metadata().end());
      }
  if (error.reason.empty() && status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    // gRPC's own words for it are many and do not name the socket.
    const auto socket = socket_path(target);
    if (!socket.empty() && ::access(socket.c_str(), W_OK) != 0 && errno == EACCES) {
      error.code = code_name(grpc::StatusCode::PERMISSION_DENIED);
      error.message = fmt::format("you may not connect to {}", socket);
    } else {
      error.message = fmt::format("cannot reach the daemon at {}{}", target, what_is_wrong_with(socket));
    }
  }
  return error;
}

std::shared_ptr<grpc::Channel> connect(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // $http_proxy is not for talking to one's own daemon
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

class Client::Impl {
 public:
  Impl(std::string target, std::chrono::nanoseconds timeout)
      : target_(std::move(target)),
        timeout_(timeout),
        channel_(connect(target_)),
        loops(channel_),
        inspection(channel_),
        workloads(channel_),
        daemon(channel_),
        health(channel_) {}

  // One unary call: `method` of `stub` with `request`.
  template <class Stub, class Request, class Response>
  Answer<Response> call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                        const Request& request) {
    grpc::ClientContext context;
    limit(context);
    Response response;
    const auto status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return std::unexpected(to_error(status, target_));
    return response;
  }

  // One call that answers with a stream: `told` gets each message, and the last is the answer.
  template <class Stub, class Request, class Progress>
  Answer<Progress> watch(
      Stub& stub, std::unique_ptr<grpc::ClientReader<Progress>> (Stub::*method)(grpc::ClientContext*, const Request&),
      const Request& request, const std::function<void(const Progress&)>& told, std::chrono::nanoseconds longer = {}) {
    grpc::ClientContext context;
    limit(context, longer);
    const auto stream = (stub.*method)(&context, request);
    Progress progress;
    while (stream->Read(&progress)) told(progress);
    const auto status = stream->Finish();
    if (!status.ok()) return std::unexpected(to_error(status, target_));
    return progress;
  }

  // All pages of a list; `items` is the field that holds them.
  template <class Stub, class Request, class Response, class Item>
  Answer<std::vector<Item>> list(Stub& stub,
                                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                 Request request, google::protobuf::RepeatedPtrField<Item>* (Response::*items)()) {
    std::vector<Item> all;
    request.set_page_size(largest_page);
    do {
      auto page = call(stub, method, request);
      if (!page) return std::unexpected(page.error());
      for (auto& item : *((*page).*items)()) all.push_back(std::move(item));
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return all;
  }

 private:
  void limit(grpc::ClientContext& context, std::chrono::nanoseconds longer = {}) const {
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout_ + longer));
  }

  const std::string target_;
  const std::chrono::nanoseconds timeout_;
  const std::shared_ptr<grpc::Channel> channel_;

 public:
  v1::LoopService::Stub loops;
  v1::InspectionService::Stub inspection;
  v1::WorkloadService::Stub workloads;
  v1::DaemonService::Stub daemon;
  grpc::health::v1::Health::Stub health;
};

namespace {

std::string loop_resource(const std::string& name) { return name.starts_with("loops/") ? name : "loops/" + name; }
std::string workload_resource(const std::string& name) {
  return name.starts_with("workloads/") ? name : "workloads/" + name;
}

template <class Request>
Request about_loop(const std::string& name) {
  Request request;
  request.set_name(loop_resource(name));
  return request;
}

}  // namespace

Client::Client(std::string target, std::chrono::nanoseconds timeout)
    : impl_(std::make_unique<Impl>(std::move(target), timeout)) {}
Client::~Client() = default;

Answer<std::vector<v1::Loop>> Client::loops() {
  return impl_->list(impl_->loops, &v1::LoopService::Stub::ListLoops, v1::ListLoopsRequest(),
                     &v1::ListLoopsResponse::mutable_loops);
}

Answer<v1::Loop> Client::loop(const std::string& name) {
  return impl_->call(impl_->loops, &v1::LoopService::Stub::GetLoop, about_loop<v1::GetLoopRequest>(name));
}

Answer<v1::Loop> Client::create(const std::string& name, const std::map<std::string, std::string>& labels,
                                v1::SelectorKind selector) {
  v1::CreateLoopRequest request;
  request.set_loop_id(name);
  request.mutable_labels()->insert(labels.begin(), labels.end());
  request.set_selector(selector);
  return impl_->call(impl_->loops, &v1::LoopService::Stub::CreateLoop, request);
}

Answer<v1::Loop> Client::start(const std::string& name) {
  return impl_->call(impl_->loops, &v1::LoopService::Stub::StartLoop, about_loop<v1::StartLoopRequest>(name));
}

Answer<v1::Loop> Client::stop(const std::string& name) {
  return impl_->call(impl_->loops, &v1::LoopService::Stub::StopLoop, about_loop<v1::StopLoopRequest>(name));
}

Answer<v1::DrainProgress> Client::drain(const std::string& name, const Told& told) {
  return impl_->watch(impl_->loops, &v1::LoopService::Stub::DrainLoop, about_loop<v1::DrainLoopRequest>(name), told);
}

Answer<v1::ReplaceLoopResponse> Client::replace(const std::string& name, bool force) {
  auto request = about_loop<v1::ReplaceLoopRequest>(name);
  request.set_force(force);
  return impl_->call(impl_->loops, &v1::LoopService::Stub::ReplaceLoop, request);
}

Answer<v1::Loop> Client::close(const std::string& name, v1::CloseMode mode) {
  auto request = about_loop<v1::CloseLoopRequest>(name);
  request.set_mode(mode);
  return impl_->call(impl_->loops, &v1::LoopService::Stub::CloseLoop, request);
}

Answer<void> Client::remove(const std::string& name) {
  const auto answer =
      impl_->call(impl_->loops, &v1::LoopService::Stub::DeleteLoop, about_loop<v1::DeleteLoopRequest>(name));
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Answer<std::string> Client::run(const std::string& name, const v1::Job& job) {
  auto request = about_loop<v1::RunUntilCompleteRequest>(name);
  *request.mutable_job() = job;
  const auto answer = impl_->call(impl_->loops, &v1::LoopService::Stub::RunUntilComplete, request);
  if (!answer) return std::unexpected(answer.error());
  return answer->result();
}

Answer<std::vector<v1::Task>> Client::tasks(const std::string& loop) {
  v1::ListTasksRequest request;
  request.set_parent(loop_resource(loop));
  return impl_->list(impl_->inspection, &v1::InspectionService::Stub::ListTasks, request,
                     &v1::ListTasksResponse::mutable_tasks);
}

Answer<std::vector<v1::Workload>> Client::workloads() {
  return impl_->list(impl_->workloads, &v1::WorkloadService::Stub::ListWorkloads, v1::ListWorkloadsRequest(),
                     &v1::ListWorkloadsResponse::mutable_workloads);
}

Answer<v1::Workload> Client::workload(const std::string& name) {
  v1::GetWorkloadRequest request;
  request.set_name(workload_resource(name));
  return impl_->call(impl_->workloads, &v1::WorkloadService::Stub::GetWorkload, request);
}

Answer<v1::ApplyWorkloadResponse> Client::apply(const std::string& spec, bool validate_only) {
  v1::ApplyWorkloadRequest request;
  request.set_spec(spec);
  request.set_validate_only(validate_only);
  return impl_->call(impl_->workloads, &v1::WorkloadService::Stub::ApplyWorkload, request);
}

Answer<v1::WorkloadDrainProgress> Client::drain_workload(const std::string& name,
                                                         std::optional<std::chrono::nanoseconds> limit,
                                                         const WorkloadTold& told) {
  v1::DrainWorkloadRequest request;
  request.set_name(workload_resource(name));
  if (limit) *request.mutable_timeout() = to_duration(*limit);
  return impl_->watch(impl_->workloads, &v1::WorkloadService::Stub::DrainWorkload, request, told, time_to_cut);
}

Answer<void> Client::remove_workload(const std::string& name) {
  v1::DeleteWorkloadRequest request;
  request.set_name(workload_resource(name));
  const auto answer = impl_->call(impl_->workloads, &v1::WorkloadService::Stub::DeleteWorkload, request);
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Answer<v1::Workload> Client::set_upstreams(const std::string& name, const std::vector<v1::UpstreamTarget>& list) {
  v1::SetUpstreamsRequest request;
  request.set_name(workload_resource(name));
  request.mutable_upstreams()->Add(list.begin(), list.end());
  return impl_->call(impl_->workloads, &v1::WorkloadService::Stub::SetUpstreams, request);
}

Answer<v1::Workload> Client::set_faults(const std::string& name, v1::SetFaultsRequest request) {
  request.set_name(workload_resource(name));
  return impl_->call(impl_->workloads, &v1::WorkloadService::Stub::SetFaults, request);
}

Answer<v1::Daemon> Client::daemon() {
  return impl_->call(impl_->daemon, &v1::DaemonService::Stub::GetDaemon, v1::GetDaemonRequest());
}

Answer<bool> Client::is_serving(const std::string& loop) {
  grpc::health::v1::HealthCheckRequest request;
  if (!loop.empty()) request.set_service("evloopd." + loop_resource(loop));
  auto answer = impl_->call(impl_->health, &grpc::health::v1::Health::Stub::Check, request);
  if (answer) return answer->status() == grpc::health::v1::HealthCheckResponse::SERVING;
  auto& error = answer.error();
  if (error.code == "NOT_FOUND") {  // the standard service answers without a word
    error.reason = "LOOP_NOT_FOUND";
    error.message = fmt::format("there is no loop '{}'", loop);
  }
  return std::unexpected(error);
}

}  // namespace evloopd::ctl
