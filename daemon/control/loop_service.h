#pragma once

#include "control/gate.h"
#include "evloopd/control/v1/loop_service.grpc.pb.h"
#include "host/loop_host.h"

namespace evloopd::control {

// Message in, host call, status out. Belongs to one socket; any gRPC thread.
class LoopService final : public v1::LoopService::Service {
 public:
  // `defaults` is what CreateLoop does not say. `host` and `gate` must outlive the service.
  LoopService(host::LoopHost& host, const Gate& gate, host::LoopOptions defaults);

  grpc::Status ListLoops(grpc::ServerContext* context, const v1::ListLoopsRequest* request,
                         v1::ListLoopsResponse* response) override;
  grpc::Status GetLoop(grpc::ServerContext* context, const v1::GetLoopRequest* request, v1::Loop* response) override;
  grpc::Status CreateLoop(grpc::ServerContext* context, const v1::CreateLoopRequest* request,
                          v1::Loop* response) override;
  grpc::Status StartLoop(grpc::ServerContext* context, const v1::StartLoopRequest* request,
                         v1::Loop* response) override;
  grpc::Status StopLoop(grpc::ServerContext* context, const v1::StopLoopRequest* request, v1::Loop* response) override;
  grpc::Status DrainLoop(grpc::ServerContext* context, const v1::DrainLoopRequest* request,
                         grpc::ServerWriter<v1::DrainProgress>* writer) override;
  grpc::Status ReplaceLoop(grpc::ServerContext* context, const v1::ReplaceLoopRequest* request,
                           v1::ReplaceLoopResponse* response) override;
  grpc::Status CloseLoop(grpc::ServerContext* context, const v1::CloseLoopRequest* request,
                         v1::Loop* response) override;
  grpc::Status DeleteLoop(grpc::ServerContext* context, const v1::DeleteLoopRequest* request,
                          v1::DeleteLoopResponse* response) override;
  grpc::Status RunUntilComplete(grpc::ServerContext* context, const v1::RunUntilCompleteRequest* request,
                                v1::RunUntilCompleteResponse* response) override;
  grpc::Status ShutdownAsyncgens(grpc::ServerContext* context, const v1::ShutdownAsyncgensRequest* request,
                                 v1::Loop* response) override;

 private:
  // A change of the loop that `resource` names, answered with the loop as it is afterwards.
  using LoopCall = std::function<host::HostResult<host::LoopSnapshot>(const std::string& loop, Gate::Deadline)>;
  grpc::Status change_loop(grpc::ServerContext& context, const Change& change, v1::Loop& response,
                           const LoopCall& call);

  host::LoopHost& host_;
  const Gate& gate_;
  const host::LoopOptions defaults_;
};

}  // namespace evloopd::control
