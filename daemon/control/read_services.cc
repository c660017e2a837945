#include "control/read_services.h"

#include <utility>

#include "control/errors.h"
#include "control/names.h"
#include "control/paging.h"
#include "control/translate.h"

namespace evloopd::control {

grpc::Status InspectionService::ListTasks(grpc::ServerContext*, const v1::ListTasksRequest* request,
                                          v1::ListTasksResponse* response) {
  const auto loop = parse_loop(request->parent(), "parent");
  if (!loop) return to_status(loop.error());
  auto all = host_.tasks(*loop);
  if (!all) return to_status(all.error());
  const auto page =
      take_page(std::move(all->tasks), &host::TaskSnapshot::id, request->page_size(), request->page_token());
  if (!page) return to_status(page.error());
  for (const auto& task : page->items) translate(task, *loop, *response->add_tasks());
  response->set_next_page_token(page->next_page_token);
  translate(all->snapshot_time, *response->mutable_snapshot_time());
  return grpc::Status::OK;
}

DaemonService::DaemonService(const host::LoopHost& host, DaemonInfo info) : host_(host), info_(std::move(info)) {}

grpc::Status DaemonService::GetDaemon(grpc::ServerContext*, const v1::GetDaemonRequest*, v1::Daemon* response) {
  response->set_name(info_.name);
  response->set_version(info_.version);
  response->set_pid(info_.pid);
  translate(info_.start_time, *response->mutable_start_time());
  response->set_config_path(info_.config_path);
  response->set_loop_count(static_cast<std::uint32_t>(host_.list().size()));
  response->set_workload_count(static_cast<std::uint32_t>(host_.workloads().size()));
  for (auto& kind : host_.job_kinds()) response->add_job_kinds(std::move(kind));
  response->set_fd_limit(info_.fd_limit);
  return grpc::Status::OK;
}

}  // namespace evloopd::control
