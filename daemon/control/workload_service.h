#pragma once

#include "control/gate.h"
#include "evloopd/control/v1/workload_service.grpc.pb.h"
#include "host/loop_host.h"

namespace evloopd::control {

// Message in, host call, status out. Belongs to one socket; any gRPC thread.
class WorkloadService final : public v1::WorkloadService::Service {
 public:
  // `host` and `gate` must outlive the service.
  WorkloadService(host::LoopHost& host, const Gate& gate) : host_(host), gate_(gate) {}

  grpc::Status ListWorkloads(grpc::ServerContext* context, const v1::ListWorkloadsRequest* request,
                             v1::ListWorkloadsResponse* response) override;
  grpc::Status GetWorkload(grpc::ServerContext* context, const v1::GetWorkloadRequest* request,
                           v1::Workload* response) override;
  grpc::Status SetUpstreams(grpc::ServerContext* context, const v1::SetUpstreamsRequest* request,
                            v1::Workload* response) override;

 private:
  host::HostResult<void> get(const std::string& resource, v1::Workload& response) const;

  host::LoopHost& host_;
  const Gate& gate_;
};

}  // namespace evloopd::control
