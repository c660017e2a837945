#include "control/names.h"
#include "control/text.h"
#include "control/translate.h"
#include "evloopd/control/v1/workload_service.pb.h"

namespace evloopd::control {
namespace {

v1::UpstreamState translate(host::UpstreamState state) {
  switch (state) {
    case host::UpstreamState::up: return v1::UPSTREAM_STATE_UP;
    case host::UpstreamState::ejected: return v1::UPSTREAM_STATE_EJECTED;
    case host::UpstreamState::down: return v1::UPSTREAM_STATE_DOWN;
    case host::UpstreamState::draining: return v1::UPSTREAM_STATE_DRAINING;
  }
  return v1::UPSTREAM_STATE_UNSPECIFIED;
}

void translate(const host::UpstreamEndpoint& endpoint, v1::UpstreamEndpoint& out) {
  out.set_address(endpoint.address);
  out.set_state(translate(endpoint.state));
  out.set_connections_open(endpoint.connections_open);
  for (const auto& transition : endpoint.history) {
    auto& one = *out.add_history();
    control::translate(transition.time, *one.mutable_time());
    one.set_state(translate(transition.state));
    one.set_reason(clean_text(transition.reason));
  }
}

void translate(const host::UpstreamSnapshot& upstream, v1::Upstream& out) {
  out.set_name(upstream.name);
  out.set_weight(upstream.weight);
  out.set_backup(upstream.backup);
  out.set_connections_open(upstream.connections_open);
  out.set_connections_total(upstream.connections_total);
  out.set_connects_failed(upstream.connects_failed);
  out.set_retries(upstream.retries);
  out.set_ejections(upstream.ejections);
  out.set_checks_passed(upstream.checks_passed);
  out.set_checks_failed(upstream.checks_failed);
  control::translate(upstream.connect_seconds, *out.mutable_connect_time());
  for (const auto& endpoint : upstream.endpoints) translate(endpoint, *out.add_endpoints());
}

void translate(const host::UpstreamsSnapshot& upstreams, v1::UpstreamPool& out) {
  for (const auto& upstream : upstreams.list) translate(upstream, *out.add_upstreams());
  out.set_queue_length(upstreams.queue_length);
  out.set_queue_full(upstreams.queue_full);
  out.set_queue_timeouts(upstreams.queue_timeouts);
  out.set_retries_denied(upstreams.retries_denied);
}

void translate(const host::ListenerSnapshot& listener, v1::ListenerState& out) {
  out.set_address(listener.address);
  out.set_max_connections(listener.limits.max_connections);
  out.set_accept_rate(listener.limits.accept_rate);
  out.set_connections_open(listener.connections_open);
  out.set_waiting(listener.suspended);
  out.set_suspended_total(listener.suspended_total);
}

}  // namespace

void translate(const host::WorkloadSnapshot& workload, v1::Workload& out) {
  out.set_name(workload_resource(workload.name));
  out.set_kind(workload.kind);
  for (const auto& loop : workload.loops) out.add_loops(loop_resource(loop));
  for (const auto& listener : workload.listeners) out.add_listeners(listener);
  for (const auto& listener : workload.listener_states) translate(listener, *out.add_listener_states());
  out.set_connections_open(workload.connections_open);
  out.set_connections_total(workload.connections_total);
  out.set_connections_failed(workload.connections_failed);
  out.set_bytes_in(workload.bytes_in);
  out.set_bytes_out(workload.bytes_out);
  for (const auto& [reason, count] : workload.ends) {
    auto& ends = *out.add_ends();
    ends.set_reason(std::string(reason));
    ends.set_count(count);
  }
  out.set_dropped_log_lines(workload.dropped_log_lines);
  for (const auto& [name, value] : workload.facts) {
    auto& fact = *out.add_facts();
    fact.set_name(clean_text(name));
    fact.set_value(clean_text(value));
  }
  if (workload.upstreams) translate(*workload.upstreams, *out.mutable_upstreams());
  if (workload.faults) translate(*workload.faults, *out.mutable_faults());
  translate(workload.snapshot_time, *out.mutable_snapshot_time());
}

void translate(const host::WorkloadDrainSnapshot& drain, v1::WorkloadDrainProgress& out) {
  out.set_name(workload_resource(drain.workload));
  std::uint64_t left = 0;
  for (const auto& each : drain.loops) {
    auto& loop = *out.add_loops();
    loop.set_loop(loop_resource(each.loop));
    loop.set_connections_left(each.connections);
    left += each.connections;
  }
  if (drain.deadline) translate(*drain.deadline, *out.mutable_deadline());
  out.set_connections_left(left);
  out.set_connections_cut(drain.connections_cut);
}

}  // namespace evloopd::control
