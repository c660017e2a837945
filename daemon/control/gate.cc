#include "control/gate.h"

#include <fmt/format.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <chrono>
#include <exception>

#include "control/calls.h"
#include "control/deadline.h"
#include "control/errors.h"
#include "control/peers.h"

namespace evloopd::control {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr std::chrono::hours for_ever{24 * 365};  // a deadline that far is still a sound number on every clock

Gate::Deadline deadline_of(const grpc::ServerContext& context, nanoseconds longest) {
  auto left = nanoseconds::max();
  if (const auto deadline = context.deadline(); deadline != system_clock::time_point::max())
    left = deadline - system_clock::now();
  return steady_clock::now() + std::min(time_to_wait(left), longest);
}

host::HostResult<void> guarded(const Gate::Action& action, Gate::Deadline deadline) {
  try {
    return action(deadline);
  } catch (const std::exception& error) {
    return std::unexpected(host::HostError{.reason = host::Reason::internal, .message = error.what(), .metadata = {}});
  }
}

}  // namespace

grpc::Status Gate::change(grpc::ServerContext& context, const Change& change, const Action& action) const {
  const auto begin = steady_clock::now();
  AuditRecord record{.time = {},
                     .method = change.method,
                     .resource = change.resource,
                     .peer = peers_.describe(context.peer()),
                     .role = role_,
                     .outcome = "OK",
                     .message = {},
                     .duration = {}};
  const auto status = admit(context, change, action, record);
  record.time = system_clock::now();
  record.duration = steady_clock::now() - begin;
  record.message = status.error_message();
  if (audit_) audit_(record);
  return status;
}

grpc::Status Gate::admit(grpc::ServerContext& context, const Change& change, const Action& action,
                         AuditRecord& record) const {
  if (role_ < change.needed) {
    record.outcome = reasons::role_too_low;
    return make_status(
        grpc::StatusCode::PERMISSION_DENIED, reasons::role_too_low,
        fmt::format("{} needs the role {}; this socket gives {}", change.method, role_name(change.needed),
                    role_name(role_)),
        {{"needed_role", role_name(change.needed)}, {"role", role_name(role_)}, {"method", change.method}});
  }
  // A caller that has gone does not learn the outcome, so nothing is begun for it.
  if (context.IsCancelled()) {
    record.outcome = reasons::cancelled;
    return make_status(grpc::StatusCode::CANCELLED, reasons::cancelled, "the call was cancelled before it began", {});
  }
  const auto ticket = calls_.enter(change.method, change.resource);
  if (!ticket) {
    record.outcome = reasons::too_many_calls;
    return make_status(grpc::StatusCode::RESOURCE_EXHAUSTED, reasons::too_many_calls, ticket.why_not(),
                       {{"method", change.method}, {"resource", change.resource}});
  }
  const auto result =
      guarded(action, deadline_of(context, change.ends_with_caller ? nanoseconds(for_ever) : longest_wait));
  if (result) return grpc::Status::OK;
  record.outcome = host::reason_name(result.error().reason);
  return to_status(result.error());
}

}  // namespace evloopd::control
