#include "control/faults.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "control/translate.h"

namespace evloopd::control {
namespace {

using host::FaultDirection;

constexpr std::int64_t largest = 1'000'000'000;  // seconds; what is longer is wrong anyway, and might not fit

host::Nanos to_nanos(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(std::clamp(duration.seconds(), -largest, largest)) + host::Nanos(duration.nanos());
}

host::HostResult<FaultDirection> to_direction(v1::FaultDirection direction) {
  switch (direction) {
    case v1::FAULT_DIRECTION_UNSPECIFIED:
    case v1::FAULT_DIRECTION_BOTH: return FaultDirection::both;
    case v1::FAULT_DIRECTION_TO_UPSTREAM: return FaultDirection::to_upstream;
    case v1::FAULT_DIRECTION_TO_CLIENT: return FaultDirection::to_client;
    default:
      return std::unexpected(host::bad_argument("faults.direction", "FAULT_DIRECTION_BOTH, _TO_UPSTREAM or _TO_CLIENT",
                                                std::to_string(direction)));
  }
}

v1::FaultDirection to_message(FaultDirection direction) {
  switch (direction) {
    case FaultDirection::both: return v1::FAULT_DIRECTION_BOTH;
    case FaultDirection::to_upstream: return v1::FAULT_DIRECTION_TO_UPSTREAM;
    case FaultDirection::to_client: return v1::FAULT_DIRECTION_TO_CLIENT;
  }
  return v1::FAULT_DIRECTION_UNSPECIFIED;
}

host::HostResult<host::FaultSpec> to_spec(const v1::Faults& faults) {
  const auto direction = to_direction(faults.direction());
  if (!direction) return std::unexpected(direction.error());
  return host::FaultSpec{.percent = faults.percent() == 0 ? 100 : faults.percent(),
                         .seed = faults.seed(),
                         .direction = *direction,
                         .latency = to_nanos(faults.latency()),
                         .jitter = to_nanos(faults.jitter()),
                         .bandwidth = faults.bandwidth(),
                         .slice_size = faults.slice_size(),
                         .slice_delay = to_nanos(faults.slice_delay()),
                         .blackhole = faults.blackhole(),
                         .reset_bytes = faults.reset_bytes(),
                         .reset_time = to_nanos(faults.reset_time())};
}

}  // namespace

host::HostResult<void> set_faults(host::LoopHost& host, const std::string& workload,
                                  const v1::SetFaultsRequest& request) {
  if (request.has_faults()) {
    const auto spec = to_spec(request.faults());
    if (!spec) return std::unexpected(spec.error());
    return host.set_faults(workload, *spec, to_nanos(request.ttl()));
  }
  if (request.has_ttl())
    return std::unexpected(host::bad_argument("ttl", "left out without faults", request.ttl().ShortDebugString()));
  return host.clear_faults(workload);
}

void translate(const host::FaultsSnapshot& faults, v1::FaultState& out) {
  if (faults.expire_time) translate(*faults.expire_time, *out.mutable_expire_time());
  out.set_connections_total(faults.connections);
  const auto& spec = faults.in_force;
  if (!spec.any()) return;
  auto& in_force = *out.mutable_in_force();
  in_force.set_percent(spec.percent);
  in_force.set_seed(spec.seed);
  in_force.set_direction(to_message(spec.direction));
  const auto set_time = [](host::Nanos time, google::protobuf::Duration* (v1::Faults::*field)(), v1::Faults& to) {
    if (time > host::Nanos::zero()) translate(time, *(to.*field)());
  };
  set_time(spec.latency, &v1::Faults::mutable_latency, in_force);
  set_time(spec.jitter, &v1::Faults::mutable_jitter, in_force);
  set_time(spec.slice_delay, &v1::Faults::mutable_slice_delay, in_force);
  set_time(spec.reset_time, &v1::Faults::mutable_reset_time, in_force);
  in_force.set_bandwidth(spec.bandwidth);
  in_force.set_slice_size(spec.slice_size);
  in_force.set_blackhole(spec.blackhole);
  in_force.set_reset_bytes(spec.reset_bytes);
}

}  // namespace evloopd::control
