#include "control/workload_service.h"

#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "control/drain_report.h"
#include "control/errors.h"
#include "control/faults.h"
#include "control/names.h"
#include "control/paging.h"
#include "control/translate.h"

namespace evloopd::control {
namespace {

host::UpstreamSpec to_spec(const v1::UpstreamTarget& target) {
  return {.address = target.address(),
          .dns = target.dns(),
          .weight = target.weight() == 0 ? 1 : target.weight(),
          .backup = target.backup(),
          .max_connections = target.max_connections()};
}

v1::ApplyOutcome to_outcome(host::Applied applied) {
  switch (applied) {
    case host::Applied::created: return v1::APPLY_OUTCOME_CREATED;
    case host::Applied::unchanged: return v1::APPLY_OUTCOME_UNCHANGED;
    case host::Applied::updated: return v1::APPLY_OUTCOME_UPDATED;
    case host::Applied::replaced: return v1::APPLY_OUTCOME_REPLACED;
  }
  return v1::APPLY_OUTCOME_UNSPECIFIED;
}

host::HostResult<std::optional<host::Nanos>> parse_timeout(const v1::DrainWorkloadRequest& request) {
  if (!request.has_timeout()) return std::nullopt;
  constexpr std::chrono::hours longest{24};
  const std::chrono::seconds seconds(request.timeout().seconds());
  const std::chrono::nanoseconds nanos(request.timeout().nanos());
  if (seconds >= std::chrono::seconds::zero() && nanos >= host::Nanos::zero() && nanos < std::chrono::seconds(1) &&
      seconds <= longest && (seconds < longest || nanos == host::Nanos::zero()))
    return seconds + nanos;
  return std::unexpected(host::bad_argument("timeout", "0s to 24h", request.timeout().ShortDebugString()));
}

host::HostError still_draining(const host::WorkloadDrainSnapshot& drain) {
  std::uint64_t left = 0;
  for (const auto& loop : drain.loops) left += loop.connections;
  return {.reason = host::Reason::drain_timeout,
          .message = "workload " + drain.workload + " still has " + std::to_string(left) +
                     " connections; its drain goes on, and another call joins it",
          .metadata = {{"workload", drain.workload}, {"connections", std::to_string(left)}}};
}

}  // namespace

grpc::Status WorkloadService::ListWorkloads(grpc::ServerContext*, const v1::ListWorkloadsRequest* request,
                                            v1::ListWorkloadsResponse* response) {
  const auto page =
      take_page(host_.workloads(), &host::WorkloadSnapshot::name, request->page_size(), request->page_token());
  if (!page) return to_status(page.error());
  for (const auto& workload : page->items) translate(workload, *response->add_workloads());
  response->set_next_page_token(page->next_page_token);
  return grpc::Status::OK;
}

grpc::Status WorkloadService::GetWorkload(grpc::ServerContext*, const v1::GetWorkloadRequest* request,
                                          v1::Workload* response) {
  const auto got = get(request->name(), *response);
  return got ? grpc::Status::OK : to_status(got.error());
}

grpc::Status WorkloadService::SetUpstreams(grpc::ServerContext* context, const v1::SetUpstreamsRequest* request,
                                           v1::Workload* response) {
  const Change change{"SetUpstreams", Role::operator_, request->name()};
  return gate_.change(*context, change, [&](Gate::Deadline) -> host::HostResult<void> {
    const auto name = parse_workload(request->name());
    if (!name) return std::unexpected(name.error());
    std::vector<host::UpstreamSpec> list;
    for (const auto& target : request->upstreams()) list.push_back(to_spec(target));
    if (const auto set = host_.set_upstreams(*name, std::move(list)); !set) return set;
    return get(request->name(), *response);
  });
}

grpc::Status WorkloadService::SetFaults(grpc::ServerContext* context, const v1::SetFaultsRequest* request,
                                        v1::Workload* response) {
  const Change change{"SetFaults", Role::admin, request->name()};
  return gate_.change(*context, change, [&](Gate::Deadline) -> host::HostResult<void> {
    const auto name = parse_workload(request->name());
    if (!name) return std::unexpected(name.error());
    if (const auto set = set_faults(host_, *name, *request); !set) return set;
    return get(request->name(), *response);
  });
}

grpc::Status WorkloadService::ApplyWorkload(grpc::ServerContext* context, const v1::ApplyWorkloadRequest* request,
                                            v1::ApplyWorkloadResponse* response) {
  const Change change{"ApplyWorkload", Role::admin, "workloads/-"};
  return gate_.change(*context, change, [&](Gate::Deadline) { return apply(*request, *response); });
}

host::HostResult<void> WorkloadService::apply(const v1::ApplyWorkloadRequest& request,
                                              v1::ApplyWorkloadResponse& response) const {
  if (!source_)
    return std::unexpected(host::bad_argument("spec", "nothing, as this daemon takes no workloads", "a spec"));
  auto plans = source_(request.spec());
  if (!plans) return std::unexpected(plans.error());
  for (auto& [options, workload] : *plans) {
    auto& result = *response.add_results();
    result.set_name(workload_resource(options.name));
    result.set_outcome(v1::APPLY_OUTCOME_VALID);
    if (request.validate_only()) continue;
    const auto applied = host_.apply_workload(std::move(options), std::move(workload));
    if (!applied) return std::unexpected(applied.error());
    result.set_outcome(to_outcome(*applied));
    if (const auto got = get(result.name(), *result.mutable_workload()); !got) return got;
  }
  return {};
}

grpc::Status WorkloadService::DrainWorkload(grpc::ServerContext* context, const v1::DrainWorkloadRequest* request,
                                            grpc::ServerWriter<v1::WorkloadDrainProgress>* writer) {
  const Change change{"DrainWorkload", Role::operator_, request->name()};
  return gate_.change(*context, change, [&](Gate::Deadline deadline) -> host::HostResult<void> {
    const auto name = parse_workload(request->name());
    if (!name) return std::unexpected(name.error());
    const auto timeout = parse_timeout(*request);
    if (!timeout) return std::unexpected(timeout.error());
    const auto drain = host_.drain_workload(*name, *timeout);
    if (!drain) return std::unexpected(drain.error());
    WorkloadDrainReport report([writer](const auto& progress) { return writer->Write(progress); });
    // The host leads it: who reads slowly or goes away does not hold it up.
    for (auto now = (*drain)();; now = (*drain)()) {
      if (now.over) {
        report.finish(now);
        return {};
      }
      if (context->IsCancelled()) return {};
      if (std::chrono::steady_clock::now() >= deadline) return std::unexpected(still_draining(now));
      report.tell(now, std::chrono::steady_clock::now());
      std::this_thread::sleep_for(WorkloadDrainReport::pace);
    }
  });
}

grpc::Status WorkloadService::DeleteWorkload(grpc::ServerContext* context, const v1::DeleteWorkloadRequest* request,
                                             v1::DeleteWorkloadResponse*) {
  const Change change{"DeleteWorkload", Role::admin, request->name()};
  return gate_.change(*context, change, [&](Gate::Deadline) -> host::HostResult<void> {
    const auto name = parse_workload(request->name());
    if (!name) return std::unexpected(name.error());
    return host_.remove_workload(*name);
  });
}

host::HostResult<void> WorkloadService::get(const std::string& resource, v1::Workload& response) const {
  const auto name = parse_workload(resource);
  if (!name) return std::unexpected(name.error());
  const auto workload = host_.workload(*name);
  if (!workload) return std::unexpected(workload.error());
  translate(*workload, response);
  return {};
}

}  // namespace evloopd::control
