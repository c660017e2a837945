#pragma once

#include "control/daemon_info.h"
#include "evloopd/control/v1/daemon_service.grpc.pb.h"
#include "evloopd/control/v1/inspection_service.grpc.pb.h"
#include "host/loop_host.h"

// The services that only read, and so need no gate. Each belongs to one socket; any gRPC thread. The host must
// outlive them.
namespace evloopd::control {

class InspectionService final : public v1::InspectionService::Service {
 public:
  explicit InspectionService(const host::LoopHost& host) : host_(host) {}

  grpc::Status ListTasks(grpc::ServerContext* context, const v1::ListTasksRequest* request,
                         v1::ListTasksResponse* response) override;

 private:
  const host::LoopHost& host_;
};

class DaemonService final : public v1::DaemonService::Service {
 public:
  DaemonService(const host::LoopHost& host, DaemonInfo info);

  grpc::Status GetDaemon(grpc::ServerContext* context, const v1::GetDaemonRequest* request,
                         v1::Daemon* response) override;

 private:
  const host::LoopHost& host_;
  const DaemonInfo info_;
};

}  // namespace evloopd::control
