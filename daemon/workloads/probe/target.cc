#include "workloads/probe/target.h"

#include <utility>

#include "aio/errors.h"
#include "workloads/dns/dns_name.h"

namespace evloopd::workloads {
namespace {

CheckTarget target_of(const ProbeTargetOptions& options) {
  const auto& address = options.address;
  if (address.empty() && options.check.kind == CheckKind::dns) return {};
  const auto host = address.substr(0, address.rfind(':'));
  if (address.starts_with("unix:") || address.starts_with('[') || evloop::SocketAddress::is_ip(host))
    return {.address = evloop::SocketAddress::parse(address)};
  auto name = DnsName::parse(address);
  if (name.is_service()) throw evloop::ValueError("a service cannot be probed: " + address);
  return {.host = std::move(name.host), .port = name.port};
}

}  // namespace

ProbeTarget::ProbeTarget(ProbeTargetOptions options)
    : options_(std::move(options)), target_(target_of(options_)), checker_(options_.check, options_.name_servers) {}

std::optional<ProbeChange> ProbeTarget::probed(bool passed, std::string said, evloop::Duration took) {
  const std::lock_guard lock(mutex_);
  const bool first = !state_.is_known();
  const bool changed = state_.checked(passed, options_.check.rise, options_.check.fall) || first;
  ++(passed ? known_.passed : known_.failed);
  known_.said = std::move(said);
  known_.took = took;
  known_.time = std::chrono::system_clock::now();
  if (!changed) return std::nullopt;
  if (known_.history.size() == history_length) known_.history.pop_front();
  return known_.history.emplace_back(ProbeChange{.time = known_.time, .up = state_.is_up(), .reason = known_.said});
}

evloop::Duration ProbeTarget::interval() const {
  const std::lock_guard lock(mutex_);
  const bool well = state_.is_up() && state_.against() == 0;
  return well ? options_.check.interval : options_.check.down_interval;
}

ProbeSnapshot ProbeTarget::snapshot() const {
  const std::lock_guard lock(mutex_);
  auto all = known_;
  all.known = state_.is_known();
  all.up = all.known && state_.is_up();
  all.against = state_.against();
  return all;
}

}  // namespace evloopd::workloads
