#include "workloads/proxy/admission.h"

#include <algorithm>

#include "aio/errors.h"

namespace evloopd::workloads {
namespace {

// Hosts have whole networks of IPv6.
IpAddress counted_as(IpAddress source) noexcept {
  if (source.kind == IpAddress::Kind::v6) std::fill(source.bytes.begin() + 8, source.bytes.end(), std::uint8_t{0});
  return source;
}

}  // namespace

Admission::Admission(const ProxyAccess& access, const ProxyLimits& limits)
    : limits_(limits), deny_others_(!access.allow.empty()) {
  const auto set = [this](const std::vector<std::string>& networks, bool allowed) {
    for (const auto& text : networks) {
      const auto network = Network::parse(text);
      if (!network) throw evloop::ValueError("'" + text + "' is no network");
      table_.set(*network, allowed);
    }
  };
  set(access.allow, true);
  set(access.deny, false);
}

std::optional<EndReason> Admission::accept(Ticket& ticket, evloop::TimePoint now) {
  if (limits_.accept_rate > 0 && turns_.take(limits_.accept_rate, now) > evloop::Duration::zero())
    return EndReason::accept_rate;
  if (limits_.connections > 0) {
    if (connections_.fetch_add(1, std::memory_order_relaxed) >= limits_.connections) {
      connections_.fetch_sub(1, std::memory_order_relaxed);
      return EndReason::connection_limit;
    }
    ticket.admission_ = this;
    ticket.is_counted_ = true;
  }
  return std::nullopt;
}

std::optional<EndReason> Admission::admit(Ticket& ticket, const IpAddress& source) {
  if (!may_come(source)) return EndReason::access_denied;
  if (limits_.per_source > 0 && source) {
    const auto counted = counted_as(source);
    if (!join_source(counted)) return EndReason::source_limit;
    ticket.admission_ = this;
    ticket.source_ = counted;
  }
  return std::nullopt;
}

bool Admission::may_come(const IpAddress& source) const noexcept {
  const bool* const said = table_.find(source);
  return said ? *said : !deny_others_;
}

bool Admission::join_source(const IpAddress& source) {
  const std::lock_guard lock(mutex_);
  auto& count = sources_[source];
  if (count >= limits_.per_source) return false;
  ++count;
  return true;
}

void Admission::left(Ticket& ticket) noexcept {
  if (ticket.is_counted_) connections_.fetch_sub(1, std::memory_order_relaxed);
  if (!ticket.source_) return;
  const std::lock_guard lock(mutex_);
  const auto found = sources_.find(ticket.source_);
  if (--found->second == 0) sources_.erase(found);
}

}  // namespace evloopd::workloads
