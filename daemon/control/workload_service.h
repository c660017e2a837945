#pragma once

#include "control/gate.h"
#include "control/workload_source.h"
#include "evloopd/control/v1/workload_service.grpc.pb.h"
#include "host/loop_host.h"

namespace evloopd::control {

// Message in, host call, status out. Belongs to one socket; any gRPC thread.
class WorkloadService final : public v1::WorkloadService::Service {
 public:
  // All that is passed must outlive the service.
  WorkloadService(host::LoopHost& host, const Gate& gate, const WorkloadSource& source)
      : host_(host), gate_(gate), source_(source) {}

  grpc::Status ListWorkloads(grpc::ServerContext* context, const v1::ListWorkloadsRequest* request,
                             v1::ListWorkloadsResponse* response) override;
  grpc::Status GetWorkload(grpc::ServerContext* context, const v1::GetWorkloadRequest* request,
                           v1::Workload* response) override;
  grpc::Status SetUpstreams(grpc::ServerContext* context, const v1::SetUpstreamsRequest* request,
                            v1::Workload* response) override;
  grpc::Status SetFaults(grpc::ServerContext* context, const v1::SetFaultsRequest* request,
                         v1::Workload* response) override;
  grpc::Status ApplyWorkload(grpc::ServerContext* context, const v1::ApplyWorkloadRequest* request,
                             v1::ApplyWorkloadResponse* response) override;
  grpc::Status DrainWorkload(grpc::ServerContext* context, const v1::DrainWorkloadRequest* request,
                             grpc::ServerWriter<v1::WorkloadDrainProgress>* writer) override;
  grpc::Status DeleteWorkload(grpc::ServerContext* context, const v1::DeleteWorkloadRequest* request,
                              v1::DeleteWorkloadResponse* response) override;

 private:
  host::HostResult<void> apply(const v1::ApplyWorkloadRequest& request, v1::ApplyWorkloadResponse& response) const;
  host::HostResult<void> get(const std::string& resource, v1::Workload& response) const;

  host::LoopHost& host_;
  const Gate& gate_;
  const WorkloadSource& source_;
};

}  // namespace evloopd::control
