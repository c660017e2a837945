#include <algorithm>
#include <utility>

#include "host/faults.h"
#include "host/loop_host_impl.h"
#include "host/upstreams.h"

// The part of the host that is about workloads.
namespace evloopd::host {
namespace {

constexpr std::chrono::seconds time_to_attach{10};  // a loop that is blocked for longer refuses the workload
constexpr std::chrono::seconds time_to_let_go{1};   // of sockets; those of a loop that is blocked for longer are shut

// Whether what is different can be changed while it runs.
bool differ_in_limits_at_most(WorkloadOptions one, const WorkloadOptions& other) {
  if (one.listeners.size() != other.listeners.size()) return false;
  for (std::size_t i = 0; i < one.listeners.size(); ++i) one.listeners[i].limits = other.listeners[i].limits;
  return one == other;
}

}  // namespace

HostResult<std::vector<LoopHost::Impl::Loop>> LoopHost::Impl::loops_for(const WorkloadOptions& options) const {
  if (options.loops.empty())
    return std::unexpected(bad_argument("workload " + options.name + ": loops", "the name of one loop or more", ""));
  std::vector<Loop> loops;
  for (const auto& name : options.loops) {
    const auto loop = find(name);
    if (!loop) return std::unexpected(loop.error());
    if ((*loop)->state() == LoopState::closed || (*loop)->is_replaced())
      return std::unexpected(HostError{
          .reason = Reason::loop_closed,
          .message = "workload " + options.name + " cannot run on loop " + name + ", which is closed or about to be",
          .metadata = {{"loop", name}, {"workload", options.name}}});
    loops.push_back(*loop);
  }
  return loops;
}

HostResult<LoopHost::Impl::Listening> LoopHost::Impl::open_listeners(const WorkloadOptions& options,
                                                                     const HostedWorkload* before) const {
  const auto refused = [&](HostError error, const std::string& address) {
    error.message = "workload " + options.name + ": " + error.message;
    error.metadata["address"] = address;
    if (error.reason == Reason::address_in_use) {
      const auto holder = changes_->listeners.holder_of(address, options.listens);
      error.message += holder.empty() ? "" : " (by workload " + holder + ")";
      if (!holder.empty()) error.metadata["workload"] = holder;
    }
    return std::unexpected(std::move(error));
  };
  auto kept = before ? changes_->listeners.of(before->key) : Listening();
  // Who asks for any port again means the one that he got, and who asks for that one, too.
  const auto find_kept = [&](const std::string& address) -> Listeners::Listener* {
    if (!before || before->options.listens != options.listens) return nullptr;
    const auto& asked = before->options.listeners;
    const auto place = std::ranges::find(asked, address, &ListenerOptions::address) - asked.begin();
    const auto& bound =
        place < std::ssize(asked) ? before->listeners[static_cast<std::size_t>(place)].address : address;
    const auto found = std::ranges::find(kept, bound, &Listeners::Listener::address);
    return found == kept.end() ? nullptr : &*found;
  };

  Listening listeners;
  for (const auto& [address, limits] : options.listeners) {
    if (auto* const old = find_kept(address)) {
      const auto widened = widen_listener(*old, options.loops.size(), options.backlog);
      if (!widened) return refused(widened.error(), address);
      listeners.push_back(std::move(*old));
    } else {
      auto listener = open_listener(address, options.listens, options.loops.size(), options.backlog);
      if (!listener) return refused(std::move(listener.error()), address);
      listeners.push_back(std::move(*listener));
    }
  }
  return listeners;
}

HostResult<void> LoopHost::Impl::attach(const HostedWorkload& hosted, const std::vector<Loop>& loops) {
  for (std::size_t i = 0; i < loops.size(); ++i) {
    const auto attached = loops[i]->attach(hosted.key, hosted.options.name, hosted.workload,
                                           std::chrono::steady_clock::now() + time_to_attach);
    if (attached) continue;
    for (std::size_t before = 0; before < i; ++before) loops[before]->detach(hosted.key);
    return attached;
  }
  return {};
}

// What can fail comes first, so that who is refused has changed nothing.
HostResult<void> LoopHost::Impl::begin_generation(WorkloadOptions options, std::unique_ptr<Workload> workload,
                                                  const HostedWorkload* before) {
  auto loops = loops_for(options);
  if (!loops) return std::unexpected(loops.error());
  auto listeners = open_listeners(options, before);
  if (!listeners) return std::unexpected(listeners.error());

  HostedWorkload hosted{.options = std::move(options), .workload = std::move(workload)};
  const auto name = hosted.options.name;
  hosted.key = name + '#' + std::to_string(++generations_);
  for (const auto& listener : *listeners)
    hosted.listeners.push_back({.address = listener.address, .limit = listener.limit});
  if (before) hosted.workload->succeed(*before->workload);
  if (const auto attached = attach(hosted, *loops); !attached) return attached;
  limit_listeners(hosted);

  // Who comes between the two waits in the sockets' queues.
  if (before) changes_->listeners.remove(before->key);
  changes_->listeners.add(hosted.key, name, std::move(*loops), std::move(*listeners));
  {
    const std::lock_guard lock(mutex_);
    workloads_.insert_or_assign(name, std::move(hosted));
  }
  changes_->rebalance();
  return {};
}

HostResult<void> LoopHost::Impl::add_workload(WorkloadOptions options, std::unique_ptr<Workload> workload) {
  const std::lock_guard one_at_a_time(workload_mutex_);
  if (const auto open = check_open(); !open) return std::unexpected(open.error());
  if (find_workload(options.name))
    return std::unexpected(HostError{.reason = Reason::workload_exists,
                                     .message = "there is a workload " + options.name + " already",
                                     .metadata = {{"workload", options.name}}});
  return begin_generation(std::move(options), std::move(workload), nullptr);
}

HostResult<Applied> LoopHost::Impl::apply_workload(WorkloadOptions options, std::unique_ptr<Workload> workload) {
  const std::lock_guard one_at_a_time(workload_mutex_);
  if (const auto open = check_open(); !open) return std::unexpected(open.error());
  const auto now = find_workload(options.name);
  if (!now) {
    const auto created = begin_generation(std::move(options), std::move(workload), nullptr);
    if (!created) return std::unexpected(created.error());
    return Applied::created;
  }
  if (differ_in_limits_at_most(options, now->options)) {
    const auto adoption = now->workload->adopt(*workload);
    if (adoption != Workload::Adoption::impossible) {
      const bool new_limits = options != now->options;
      if (new_limits) change_limits(std::move(options));
      return new_limits || adoption == Workload::Adoption::taken ? Applied::updated : Applied::unchanged;
    }
  }
  const auto begun = begin_generation(std::move(options), std::move(workload), &*now);
  if (!begun) return std::unexpected(begun.error());
  retire(*now);
  return Applied::replaced;
}

void LoopHost::Impl::change_limits(WorkloadOptions options) {
  const std::lock_guard lock(mutex_);
  auto& hosted = workloads_.at(options.name);
  hosted.options = std::move(options);
  limit_listeners(hosted);
}

void LoopHost::Impl::limit_listeners(const HostedWorkload& hosted) noexcept {
  for (std::size_t i = 0; i < hosted.listeners.size(); ++i)
    hosted.listeners[i].limit->set(hosted.options.listeners[i].limits);
}

HostResult<LoopHost::Impl::HostedWorkload> LoopHost::Impl::withdraw(std::string_view name) {
  if (const auto open = check_open(); !open) return std::unexpected(open.error());
  auto now = find_workload(name);
  if (!now) return now;
  changes_->listeners.remove(now->key);
  const std::lock_guard lock(mutex_);
  workloads_.erase(workloads_.find(name));
  return now;
}

HostResult<void> LoopHost::Impl::remove_workload(std::string_view name) {
  const std::lock_guard one_at_a_time(workload_mutex_);
  const auto withdrawn = withdraw(name);
  if (!withdrawn) return std::unexpected(withdrawn.error());
  retire(*withdrawn);
  return {};
}

HostResult<WorkloadDrain> LoopHost::Impl::drain_workload(std::string_view name, std::optional<Nanos> timeout) {
  const std::lock_guard one_at_a_time(workload_mutex_);
  auto generations = leaving_workloads_.of(std::string(name));
  const auto withdrawn = withdraw(name);
  if (withdrawn)
    generations.push_back(retire(*withdrawn, timeout));
  else if (withdrawn.error().reason != Reason::workload_not_found || generations.empty())
    return std::unexpected(withdrawn.error());
  if (timeout) leaving_workloads_.limit(generations, std::chrono::steady_clock::now() + *timeout);
  return [this, workload = std::string(name), generations = std::move(generations)] {
    leaving_workloads_.look(std::chrono::steady_clock::now());
    return leaving_workloads_.snapshot(workload, generations);
  };
}

std::shared_ptr<Leaving::Generation> LoopHost::Impl::retire(const HostedWorkload& hosted,
                                                            std::optional<Nanos> timeout) {
  std::vector<Loop> loops;
  for (const auto& name : hosted.options.loops)
    if (const auto loop = find(name)) loops.push_back(*loop);
  auto generation = leaving_workloads_.add(hosted.options.name, hosted.key, loops, hosted.workload, timeout);
  // Who is told that an address is gone finds nobody there, and may listen there. What then still holds a socket is
  // stuck.
  const auto deadline = std::chrono::steady_clock::now() + time_to_let_go;
  for (const auto& loop : loops) loop->catch_up(deadline);
  changes_->listeners.refuse();
  bell_->wake();
  return generation;
}

std::vector<LoopHost::Impl::HostedWorkload> LoopHost::Impl::workloads_on(const std::string& loop) const {
  const std::lock_guard lock(mutex_);
  std::vector<HostedWorkload> found;
  for (const auto& [name, hosted] : workloads_)
    if (std::ranges::find(hosted.options.loops, loop) != hosted.options.loops.end()) found.push_back(hosted);
  return found;
}

// A loop that was removed and made anew has its workloads again.
HostResult<void> LoopHost::Impl::attach_again(const Loop& loop) {
  const auto wanted = workloads_on(loop->name());
  for (const auto& hosted : wanted) {
    if (const auto attached = attach(hosted, {loop}); !attached) return attached;
    changes_->listeners.replace(hosted.key, loop);
  }
  if (!wanted.empty()) changes_->rebalance();
  return {};
}

HostResult<LoopHost::Impl::HostedWorkload> LoopHost::Impl::find_workload(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = workloads_.find(name); found != workloads_.end()) return found->second;
  return std::unexpected(HostError{.reason = Reason::workload_not_found,
                                   .message = "there is no workload " + std::string(name),
                                   .metadata = {{"workload", std::string(name)}}});
}

HostResult<void> LoopHost::Impl::set_upstreams(std::string_view name, std::vector<UpstreamSpec> list) {
  if (const auto open = check_open(); !open) return std::unexpected(open.error());
  const auto hosted = find_workload(name);
  if (!hosted) return std::unexpected(hosted.error());
  auto* upstreams = hosted->workload->upstreams();
  if (!upstreams) return std::unexpected(bad_argument("workload", "one that has upstreams", std::string(name)));
  return upstreams->set(std::move(list));
}

HostResult<void> LoopHost::Impl::change_faults(std::string_view name,
                                               const std::function<HostResult<void>(Faults&)>& change) {
  if (const auto open = check_open(); !open) return std::unexpected(open.error());
  const auto hosted = find_workload(name);
  if (!hosted) return std::unexpected(hosted.error());
  auto* faults = hosted->workload->faults();
  if (!faults) return std::unexpected(bad_argument("workload", "one that can have faults", std::string(name)));
  return change(*faults);
}

HostResult<void> LoopHost::Impl::set_faults(std::string_view name, const FaultSpec& spec, Nanos ttl) {
  return change_faults(name, [&](Faults& faults) { return faults.set(spec, ttl); });
}

HostResult<void> LoopHost::Impl::clear_faults(std::string_view name) {
  return change_faults(name, [](Faults& faults) -> HostResult<void> {
    faults.clear();
    return {};
  });
}

HostResult<WorkloadSnapshot> LoopHost::Impl::workload(std::string_view name) const {
  const auto hosted = find_workload(name);
  if (!hosted) return std::unexpected(hosted.error());
  return snapshot(*hosted);
}

std::vector<WorkloadSnapshot> LoopHost::Impl::workloads() const {
  const std::lock_guard lock(mutex_);
  std::vector<WorkloadSnapshot> snapshots;
  for (const auto& [name, hosted] : workloads_) snapshots.push_back(snapshot(hosted));
  return snapshots;
}

WorkloadSnapshot LoopHost::Impl::snapshot(const HostedWorkload& hosted) const {
  auto* upstreams = hosted.workload->upstreams();
  const auto* faults = hosted.workload->faults();
  const auto& counters = hosted.workload->counters();
  const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  std::vector<std::string> addresses;
  std::vector<ListenerSnapshot> listeners;
  for (const auto& [address, limit] : hosted.listeners) {
    addresses.push_back(address);
    listeners.push_back({.address = address,
                         .limits = limit->get(),
                         .connections_open = limit->open(),
                         .suspended_total = limit->waits(),
                         .suspended = limit->has_waiters()});
  }
  return {.name = hosted.options.name,
          .kind = std::string(hosted.workload->kind()),
          .loops = hosted.options.loops,
          .listeners = std::move(addresses),
          .listener_states = std::move(listeners),
          .connections_open = read(counters.connections_open) + leaving_workloads_.connections(hosted.options.name),
          .connections_total = read(counters.connections_total),
          .connections_failed = read(counters.connections_failed),
          .bytes_in = read(counters.bytes_in),
          .bytes_out = read(counters.bytes_out),
          .ends = hosted.workload->ends(),
          .dropped_log_lines = hosted.workload->dropped_log_lines(),
          .facts = hosted.workload->facts(),
          .measures = hosted.workload->measures(),
          .upstreams = upstreams ? std::optional(upstreams->snapshot()) : std::nullopt,
          .faults = faults ? std::optional(faults->snapshot()) : std::nullopt,
          .snapshot_time = std::chrono::system_clock::now()};
}

}  // namespace evloopd::host
