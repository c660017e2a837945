#include "workloads/upstreams/pool.h"

#include <algorithm>
#include <set>
#include <utility>

#include "aio/errors.h"
#include "base/log.h"
#include "workloads/dns/dns_name.h"
#include "workloads/upstreams/maglev.h"

namespace evloopd::workloads {
namespace {

using host::UpstreamState;

bool is_idle(const evloop::Ref<Endpoint>& endpoint) { return endpoint->connections() == 0; }

void tell(evloop::LogLevel level, const std::string& upstream, const std::string& what) {
  evloop::log(level, "upstream " + upstream + ' ' + what);
}

bool is_address(const std::string& text) {
  try {
    const auto address = evloop::SocketAddress::parse(text);
    return address.is_unix() || address.port() != 0;
  } catch (const evloop::ValueError&) {
    return false;
  }
}

bool is_dns_name(const std::string& text) {
  try {
    std::ignore = DnsName::parse(text);
    return true;
  } catch (const evloop::ValueError&) {
    return false;
  }
}

// `field` is the entry's place in the list.
host::HostResult<void> check_upstream(const host::UpstreamSpec& spec, const std::string& field) {
  const auto wrong = [&](const char* member, const char* allowed, const std::string& given) {
    return std::unexpected(host::bad_argument(field + member, allowed, given));
  };
  if (spec.address.empty() == spec.dns.empty())
    return wrong("", "an address or a DNS name", spec.dns.empty() ? "" : spec.address + ' ' + spec.dns);
  if (!spec.address.empty() && !is_address(spec.address))
    return wrong(".address", "such as 10.0.0.5:80, [::1]:80 or unix:/run/x.sock", spec.address);
  if (!spec.dns.empty() && !is_dns_name(spec.dns))
    return wrong(".dns", "such as app.internal:80 or _app._tcp.internal", spec.dns);
  if (spec.weight < 1 || spec.weight > 256) return wrong(".weight", "1 to 256", std::to_string(spec.weight));
  if (spec.max_connections < 0) return wrong(".max_connections", "0 or more", std::to_string(spec.max_connections));
  return {};
}

}  // namespace

host::HostResult<void> check_upstreams(const std::vector<host::UpstreamSpec>& list) {
  std::set<std::string> names;
  for (const auto& spec : list) {
    const auto field = "upstreams[" + std::to_string(&spec - list.data()) + ']';
    if (const auto checked = check_upstream(spec, field); !checked) return checked;
    if (!names.insert(spec.name()).second)
      return std::unexpected(host::HostError{.reason = host::Reason::bad_argument,
                                             .message = field + ": upstream " + spec.name() + " is there twice",
                                             .metadata = {{"field", field}, {"given", spec.name()}}});
  }
  return {};
}

Pool::Pool(UpstreamsOptions options, evloop::Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      checker_(options_.check),
      room_(std::make_shared<WaitingRoom>(static_cast<std::size_t>(options_.queue.length))),
      second_room_(std::make_shared<WaitingRoom>(static_cast<std::size_t>(options_.queue.length))) {
  if (options_.check.kind == CheckKind::exec && !options_.check.may_exec)
    throw evloop::ValueError("checks that run a program are not allowed");
  for (const auto& server : options_.dns.servers) std::ignore = evloop::SocketAddress::parse(server);
  if (const auto checked = check_upstreams(options_.list); !checked) throw evloop::ValueError(checked.error().message);
  for (const auto& spec : options_.list) entries_.push_back(make_entry(spec));
  renew(clock_.now());
}

Pool::~Pool() = default;

std::shared_ptr<const PoolView> Pool::view(evloop::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (now >= view_->good_until) renew(now);
  return view_;
}

// --- how clients fare ---

void Pool::connect_failed(Endpoint& endpoint, const std::string& why, evloop::TimePoint now) {
  count(endpoint.counters().connects_failed);
  cannot_connect(endpoint, why, now);
  const auto failures = endpoint.connect_failed();
  const auto most = options_.ejection.failures;
  if (most > 0 && failures >= static_cast<std::uint32_t>(most))
    eject(endpoint, std::to_string(failures) + " connects in a row failed: " + why, now);
}

void Pool::cannot_connect(Endpoint& endpoint, const std::string& why, evloop::TimePoint now) {
  if (endpoint.may_log(now))
    tell(evloop::LogLevel::warning, endpoint.name(),
         "cannot be connected to: " + why + " (said at most once a minute)");
}

void Pool::reset_early(Endpoint& endpoint, evloop::TimePoint now) {
  const auto resets = endpoint.reset_early();
  const auto most = options_.ejection.resets;
  if (most > 0 && resets >= static_cast<std::uint32_t>(most))
    eject(endpoint, std::to_string(resets) + " connections in a row were reset before an answer", now);
}

void Pool::eject(Endpoint& endpoint, const std::string& reason, evloop::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (endpoint.health.is_ejected(now) || !may_eject(now)) return;
  const auto until = endpoint.health.eject(reason, options_.ejection, now);
  count(endpoint.counters().ejections);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(until - now).count();
  tell(evloop::LogLevel::warning, endpoint.name(), "is ejected for " + std::to_string(seconds) + " s: " + reason);
  // When it comes back, it is on probation.
  endpoint.set_failures(static_cast<std::uint32_t>(std::max(options_.ejection.failures - 1, 0)),
                        static_cast<std::uint32_t>(std::max(options_.ejection.resets - 1, 0)));
  renew(now);
}

bool Pool::may_eject(evloop::TimePoint now) const {
  std::size_t all = 0, out = 0;
  for_each([&](const Entry&, Endpoint& endpoint) {
    ++all;
    out += endpoint.health.is_ejected(now) ? 1U : 0U;
  });
  return (out + 1) * 100 <= all * static_cast<std::size_t>(options_.ejection.most);
}

// --- checks and names ---

bool Pool::is_supervised() const { return options_.check.kind != CheckKind::none || !names().empty(); }

std::vector<evloop::Ref<Endpoint>> Pool::endpoints() const {
  const std::lock_guard lock(mutex_);
  std::vector<EndpointRef> all;
  for_each([&](const Entry&, Endpoint& endpoint) { all.emplace_back(&endpoint); });
  return all;
}

std::vector<std::string> Pool::names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& entry : entries_)
    if (!entry.spec.dns.empty()) all.push_back(entry.spec.dns);
  return all;
}

bool Pool::checked(Endpoint& endpoint, bool passed, const std::string& reason, evloop::TimePoint now) {
  count(passed ? endpoint.counters().checks_passed : endpoint.counters().checks_failed);
  const std::lock_guard lock(mutex_);
  if (endpoint.health.checked(passed, reason, options_.check, now)) {
    tell(passed ? evloop::LogLevel::info : evloop::LogLevel::warning, endpoint.name(),
         (passed ? "is up: " : "is down: ") + reason);
    renew(now);
  }
  return endpoint.health.is_up();
}

void Pool::resolved(const std::string& name, const std::vector<evloop::SocketAddress>& addresses,
                    evloop::TimePoint now) {
  const std::lock_guard lock(mutex_);
  auto* entry = find(name);
  if (!entry) return;
  const bool first = !std::exchange(entry->resolved, true);
  const bool same = addresses.size() == entry->endpoints.size() &&
                    std::ranges::all_of(entry->endpoints, [&](const EndpointRef& endpoint) {
                      return std::ranges::find(addresses, endpoint->address()) != addresses.end();
                    });
  if (same && !first) return;
  set_endpoints(*entry, addresses);
  renew(now);
}

// --- the list ---

std::vector<host::UpstreamSpec> Pool::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<host::UpstreamSpec> specs;
  for (const auto& entry : entries_) specs.push_back(entry.spec);
  return specs;
}

host::HostResult<void> Pool::set(std::vector<host::UpstreamSpec> list) {
  if (const auto checked = check_upstreams(list); !checked) return checked;
  const std::lock_guard lock(mutex_);
  std::vector<Entry> wanted;
  for (auto& spec : list) {
    auto* old = find(spec.name());
    if (!old) {
      wanted.push_back(make_entry(std::move(spec)));
      continue;
    }
    old->spec = std::move(spec);
    for (const auto& endpoint : old->endpoints)
      endpoint->set_limit(static_cast<std::uint32_t>(old->spec.max_connections));
    wanted.push_back(std::move(*old));
    old->spec = {};
  }
  for (auto& entry : entries_) {
    if (entry.spec.name().empty()) continue;  // it stays
    set_endpoints(entry, {});
    gone_.push_back(std::move(entry));
  }
  entries_ = std::move(wanted);
  renew(clock_.now());
  return {};
}

Pool::Entry Pool::make_entry(host::UpstreamSpec spec) {
  Entry entry{
      .spec = std::move(spec), .counters = std::make_shared<UpstreamCounters>(), .endpoints = {}, .leaving = {}};
  // It may be back while it still has connections.
  if (const auto gone = std::ranges::find(gone_, entry.spec.name(), [](const Entry& e) { return e.spec.name(); });
      gone != gone_.end()) {
    entry.counters = gone->counters;
    entry.leaving = std::move(gone->leaving);
    gone_.erase(gone);
  }
  if (entry.spec.dns.empty()) {
    entry.resolved = true;
    set_endpoints(entry, {evloop::SocketAddress::parse(entry.spec.address)});
  }
  return entry;
}

// Those that stay keep what they are; one that comes back while it has connections, too.
void Pool::set_endpoints(Entry& entry, const std::vector<evloop::SocketAddress>& addresses) {
  std::vector<EndpointRef> known = std::move(entry.endpoints);
  std::ranges::move(entry.leaving, std::back_inserter(known));
  entry.endpoints.clear();
  entry.leaving.clear();
  for (const auto& address : addresses) {
    const auto same = [&](const EndpointRef& endpoint) { return endpoint->address() == address; };
    if (std::ranges::any_of(entry.endpoints, same)) continue;
    const auto found = std::ranges::find_if(known, same);
    if (found == known.end()) {
      entry.endpoints.emplace_back(new Endpoint(*this, address, entry.counters));
    } else {
      entry.endpoints.push_back(std::move(*found));
      known.erase(found);
    }
    entry.endpoints.back()->set_limit(static_cast<std::uint32_t>(entry.spec.max_connections));
  }
  entry.leaving = std::move(known);
}

Pool::Entry* Pool::find(const std::string& name) {
  const auto found = std::ranges::find(entries_, name, [](const Entry& entry) { return entry.spec.name(); });
  return found == entries_.end() ? nullptr : &*found;
}

void Pool::for_each(const std::function<void(const Entry&, Endpoint&)>& visit) const {
  for (const auto& entry : entries_)
    for (const auto& endpoint : entry.endpoints) visit(entry, *endpoint);
}

// --- the view ---

void Pool::renew(evloop::TimePoint now) {
  drop_gone();
  auto view = std::make_shared<PoolView>();
  for_each([&](const Entry&, Endpoint& endpoint) {
    if (endpoint.health.readmitted(now)) tell(evloop::LogLevel::info, endpoint.name(), "is back: the ejection is over");
    if (const auto until = endpoint.health.ejected_until()) view->good_until = std::min(view->good_until, *until);
  });
  add_candidates(*view, false, false, now);
  if (view->candidates.empty()) add_candidates(*view, true, false, now);
  if (view->candidates.empty() && options_.all_down == AllDown::use_all) {
    add_candidates(*view, false, true, now);
    if (view->candidates.empty()) add_candidates(*view, true, true, now);
  }
  view->unresolved = std::ranges::any_of(entries_, [](const Entry& entry) { return !entry.resolved; });
  if (options_.balance == Balance::consistent_hash) view->table = make_maglev_table(view->candidates);
  view->version = version_.load(std::memory_order_relaxed) + 1;
  view_ = std::move(view);
  version_.store(view_->version, std::memory_order_release);
  call_next();
}

void Pool::add_candidates(PoolView& view, bool backups, bool all, evloop::TimePoint now) const {
  for_each([&](const Entry& entry, Endpoint& endpoint) {
    if (entry.spec.backup != backups) return;
    if (!all && endpoint.health.state(now) != UpstreamState::up) return;
    const auto warmth = endpoint.health.warmth(options_.slow_start, now);
    view.good_until = std::min(view.good_until, warmth.until);
    view.candidates.push_back(
        {.endpoint = EndpointRef(&endpoint), .weight = static_cast<std::uint32_t>(entry.spec.weight * warmth.tenths)});
  });
}

void Pool::drop_gone() {
  for (auto& entry : entries_) std::erase_if(entry.leaving, is_idle);
  for (auto& entry : gone_) std::erase_if(entry.leaving, is_idle);
  std::erase_if(gone_, [](const Entry& entry) { return entry.leaving.empty(); });
}

// --- inspection ---

host::UpstreamsSnapshot Pool::snapshot() const {
  const auto now = clock_.now();
  const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  host::UpstreamsSnapshot all;
  all.queue_length = waiting();
  all.queue_full = room_->refused() + second_room_->refused();
  all.queue_timeouts = room_->timed_out() + second_room_->timed_out();
  all.retries_denied = read(retries_denied);
  const std::lock_guard lock(mutex_);
  const auto add = [&](const Entry& entry) {
    const auto& counters = *entry.counters;
    host::UpstreamSnapshot one{.name = entry.spec.name(),
                               .weight = entry.spec.weight,
                               .backup = entry.spec.backup,
                               .connects_failed = read(counters.connects_failed),
                               .retries = read(counters.retries),
                               .ejections = read(counters.ejections),
                               .checks_passed = read(counters.checks_passed),
                               .checks_failed = read(counters.checks_failed),
                               .connect_seconds = counters.connect_times.snapshot(),
                               .endpoints = {}};
    for (const auto bucket : one.connect_seconds.buckets) one.connections_total += bucket;
    const auto add_endpoint = [&](const EndpointRef& endpoint, UpstreamState state) {
      const auto& history = endpoint->health.history();
      one.connections_open += endpoint->connections();
      one.endpoints.push_back({.address = endpoint->name(),
                               .state = state,
                               .connections_open = endpoint->connections(),
                               .history = {history.begin(), history.end()}});
    };
    for (const auto& endpoint : entry.endpoints) add_endpoint(endpoint, endpoint->health.state(now));
    for (const auto& endpoint : entry.leaving)
      if (endpoint->connections() > 0) add_endpoint(endpoint, UpstreamState::draining);
    all.list.push_back(std::move(one));
  };
  std::ranges::for_each(entries_, add);
  for (const auto& entry : gone_)
    if (!std::ranges::all_of(entry.leaving, is_idle)) add(entry);
  return all;
}

}  // namespace evloopd::workloads
