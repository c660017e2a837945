#include "control/loop_service.h"

#include <chrono>
#include <future>
#include <map>
#include <utility>

#include "control/drain_report.h"
#include "control/errors.h"
#include "control/names.h"
#include "control/paging.h"
#include "control/text.h"
#include "control/translate.h"

namespace evloopd::control {
namespace {

host::HostResult<host::SelectorKind> parse_selector(v1::SelectorKind kind, host::SelectorKind otherwise) {
  switch (kind) {
    case v1::SELECTOR_KIND_UNSPECIFIED: return otherwise;
    case v1::SELECTOR_KIND_EPOLL: return host::SelectorKind::epoll;
    case v1::SELECTOR_KIND_POLL: return host::SelectorKind::poll;
    default: return std::unexpected(host::bad_argument("selector", "EPOLL or POLL", std::to_string(kind)));
  }
}

host::HostResult<host::CloseMode> parse_close_mode(v1::CloseMode mode) {
  switch (mode) {
    case v1::CLOSE_MODE_UNSPECIFIED:
    case v1::CLOSE_MODE_GRACEFUL: return host::CloseMode::graceful;
    case v1::CLOSE_MODE_RAW: return host::CloseMode::raw;
    default: return std::unexpected(host::bad_argument("mode", "GRACEFUL or RAW", std::to_string(mode)));
  }
}

}  // namespace

LoopService::LoopService(host::LoopHost& host, const Gate& gate, host::LoopOptions defaults)
    : host_(host), gate_(gate), defaults_(std::move(defaults)) {}

grpc::Status LoopService::ListLoops(grpc::ServerContext*, const v1::ListLoopsRequest* request,
                                    v1::ListLoopsResponse* response) {
  const auto page = take_page(host_.list(), &host::LoopSnapshot::name, request->page_size(), request->page_token());
  if (!page) return to_status(page.error());
  for (const auto& loop : page->items) translate(loop, *response->add_loops());
  response->set_next_page_token(page->next_page_token);
  return grpc::Status::OK;
}

grpc::Status LoopService::GetLoop(grpc::ServerContext*, const v1::GetLoopRequest* request, v1::Loop* response) {
  const auto name = parse_loop(request->name());
  if (!name) return to_status(name.error());
  const auto loop = host_.get(*name);
  if (!loop) return to_status(loop.error());
  translate(*loop, *response);
  return grpc::Status::OK;
}

grpc::Status LoopService::CreateLoop(grpc::ServerContext* context, const v1::CreateLoopRequest* request,
                                     v1::Loop* response) {
  const Change change{"CreateLoop", Role::admin, loop_resource(request->loop_id())};
  return gate_.change(*context, change, [&](Gate::Deadline) -> host::HostResult<void> {
    const auto selector = parse_selector(request->selector(), defaults_.selector);
    if (!selector) return std::unexpected(selector.error());
    auto options = defaults_;
    options.name = request->loop_id();
    options.labels.insert(request->labels().begin(), request->labels().end());
    options.selector = *selector;
    const auto loop = host_.create(std::move(options));
    if (!loop) return std::unexpected(loop.error());
    translate(*loop, *response);
    return {};
  });
}

grpc::Status LoopService::StartLoop(grpc::ServerContext* context, const v1::StartLoopRequest* request,
                                    v1::Loop* response) {
  return change_loop(*context, {"StartLoop", Role::operator_, request->name()}, *response,
                     [&](const auto& loop, auto deadline) { return host_.start(loop, deadline); });
}

grpc::Status LoopService::StopLoop(grpc::ServerContext* context, const v1::StopLoopRequest* request,
                                   v1::Loop* response) {
  return change_loop(*context, {"StopLoop", Role::operator_, request->name()}, *response,
                     [&](const auto& loop, auto deadline) { return host_.stop(loop, deadline); });
}

grpc::Status LoopService::DrainLoop(grpc::ServerContext* context, const v1::DrainLoopRequest* request,
                                    grpc::ServerWriter<v1::DrainProgress>* writer) {
  const Change change{"DrainLoop", Role::operator_, request->name()};
  return gate_.change(*context, change, [&](Gate::Deadline deadline) -> host::HostResult<void> {
    const auto name = parse_loop(request->name());
    if (!name) return std::unexpected(name.error());
    DrainReport report([writer](const auto& progress) { return writer->Write(progress); });
    // On a thread of its own, as who reads slowly or goes away must not hold up the drain.
    auto drain = std::async(std::launch::async, [&] { return host_.drain(*name, deadline); });
    while (drain.wait_for(DrainReport::pace) != std::future_status::ready)
      if (const auto loop = host_.get(*name)) report.tell(*loop, std::chrono::steady_clock::now());
    const auto loop = drain.get();
    if (!loop) return std::unexpected(loop.error());
    report.finish(*loop);
    return {};
  });
}

grpc::Status LoopService::ReplaceLoop(grpc::ServerContext* context, const v1::ReplaceLoopRequest* request,
                                      v1::ReplaceLoopResponse* response) {
  const Change change{"ReplaceLoop", Role::operator_, request->name()};
  return gate_.change(*context, change, [&](Gate::Deadline deadline) -> host::HostResult<void> {
    const auto name = parse_loop(request->name());
    if (!name) return std::unexpected(name.error());
    const auto done = host_.replace(*name, request->force(), deadline);
    if (!done) return std::unexpected(done.error());
    translate(done->loop, *response->mutable_loop());
    translate(done->replaced, *response->mutable_replaced());
    return {};
  });
}

grpc::Status LoopService::CloseLoop(grpc::ServerContext* context, const v1::CloseLoopRequest* request,
                                    v1::Loop* response) {
  return change_loop(*context, {"CloseLoop", Role::admin, request->name()}, *response,
                     [&](const auto& loop, auto deadline) -> host::HostResult<host::LoopSnapshot> {
                       const auto mode = parse_close_mode(request->mode());
                       if (!mode) return std::unexpected(mode.error());
                       return host_.close(loop, *mode, deadline);
                     });
}

grpc::Status LoopService::DeleteLoop(grpc::ServerContext* context, const v1::DeleteLoopRequest* request,
                                     v1::DeleteLoopResponse*) {
  const Change change{"DeleteLoop", Role::admin, request->name()};
  return gate_.change(*context, change, [&](Gate::Deadline) -> host::HostResult<void> {
    const auto loop = parse_loop(request->name());
    if (!loop) return std::unexpected(loop.error());
    return host_.remove(*loop);
  });
}

grpc::Status LoopService::RunUntilComplete(grpc::ServerContext* context, const v1::RunUntilCompleteRequest* request,
                                           v1::RunUntilCompleteResponse* response) {
  const Change change{"RunUntilComplete", Role::operator_, request->name(), /*ends_with_caller=*/true};
  return gate_.change(*context, change, [&](Gate::Deadline deadline) -> host::HostResult<void> {
    const auto loop = parse_loop(request->name());
    if (!loop) return std::unexpected(loop.error());
    host::JobSpec job{.kind = request->job().kind(), .options = {}};
    job.options.insert(request->job().options().begin(), request->job().options().end());
    const auto result = host_.run_until_complete(*loop, job, deadline, [&] { return context->IsCancelled(); });
    if (!result) return std::unexpected(result.error());
    response->set_result(clean_text(*result));
    return {};
  });
}

grpc::Status LoopService::ShutdownAsyncgens(grpc::ServerContext* context, const v1::ShutdownAsyncgensRequest* request,
                                            v1::Loop* response) {
  return change_loop(*context, {"ShutdownAsyncgens", Role::operator_, request->name()}, *response,
                     [&](const auto& loop, auto deadline) { return host_.shutdown_asyncgens(loop, deadline); });
}

grpc::Status LoopService::change_loop(grpc::ServerContext& context, const Change& change, v1::Loop& response,
                                      const LoopCall& call) {
  return gate_.change(context, change, [&](Gate::Deadline deadline) -> host::HostResult<void> {
    const auto name = parse_loop(change.resource);
    if (!name) return std::unexpected(name.error());
    const auto loop = call(*name, deadline);
    if (!loop) return std::unexpected(loop.error());
    translate(*loop, response);
    return {};
  });
}

}  // namespace evloopd::control
