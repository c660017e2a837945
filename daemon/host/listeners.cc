#include "host/listeners.h"

#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <utility>

namespace evloopd::host {

void Listeners::add(const std::string& key, const std::string& workload, Loops loops, std::vector<Listener> listeners) {
  const std::lock_guard lock(mutex_);
  auto& group = groups_.emplace_back(Group{.key = key, .workload = workload, .loops = std::move(loops), .leases = {}});
  const auto count = group.loops.size();
  for (auto& listener : listeners) {
    const bool shared = listener.sockets.size() == 1 && count > 1;
    // A workload that has lost loops may have more sockets than loops.
    for (std::size_t i = 0; i < listener.sockets.size(); ++i)
      group.leases.push_back(
          {.socket = std::move(listener.sockets[i]), .owner = i % count, .shared = shared, .holders = {}});
  }
}

void Listeners::remove(const std::string& key) {
  std::vector<Group> gone;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(groups_, key, &Group::key);
  if (found == groups_.end()) return;
  dissolve(*found);
  gone.push_back(std::move(*found));
  groups_.erase(found);
  tell_health(gone);
  tell_health(groups_);
}

std::vector<Listeners::Listener> Listeners::of(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  std::vector<Listener> listeners;
  const auto found = std::ranges::find(groups_, key, &Group::key);
  if (found == groups_.end()) return listeners;
  for (const auto& lease : found->leases) {
    if (listeners.empty() || listeners.back().address != lease.socket->address)
      listeners.push_back({.address = lease.socket->address, .limit = lease.socket->limit, .sockets = {}});
    listeners.back().sockets.push_back(lease.socket);
  }
  return listeners;
}

void Listeners::dissolve(Group& group) {
  std::erase_if(gone_, [](const auto& socket) { return socket.expired(); });
  for (auto& lease : group.leases) {
    for (const auto loop : lease.holders) group.loops[loop]->unwatch(group.key, lease.socket);
    lease.holders.clear();
    if (lease.socket->listens == Listens::streams) gone_.emplace_back(lease.socket);
  }
}

void Listeners::replace(const std::string& key, const std::shared_ptr<HostedLoop>& loop) {
  std::shared_ptr<HostedLoop> gone;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  for (auto& group : groups_) {
    if (group.key != key) continue;
    for (std::size_t i = 0; i < group.loops.size(); ++i) {
      if (group.loops[i]->options().name != loop->name()) continue;
      gone = std::exchange(group.loops[i], loop);
      for (auto& lease : group.leases) lease.holders.erase(i);
    }
  }
}

void Listeners::rebalance() {
  const std::lock_guard lock(mutex_);
  for (auto& group : groups_) rebalance(group);
  tell_health(groups_);
}

void Listeners::tell_health(const std::vector<Group>& groups) {
  std::map<HostedLoop*, bool> accepting;
  for (const auto& group : groups) {
    for (const auto& loop : group.loops) accepting.try_emplace(loop.get(), false);
    for (const auto& lease : group.leases)
      for (const auto holder : lease.holders) accepting[group.loops[holder].get()] = true;
  }
  for (const auto& [loop, accepts] : accepting) loop->health().set_accepting(accepts);
}

void Listeners::rebalance(Group& group) {
  std::vector<bool> able;
  for (const auto& loop : group.loops) able.push_back(loop->can_accept());
  for (auto& lease : group.leases) {
    const auto want = wanted(group, lease, able);
    // First the new one: for a moment both may accept, which loses nothing.
    for (const auto loop : want)
      if (!lease.holders.contains(loop)) group.loops[loop]->watch(group.key, lease.socket);
    for (const auto loop : lease.holders)
      if (!want.contains(loop)) group.loops[loop]->unwatch(group.key, lease.socket);
    lease.holders = want;
  }
}

std::set<std::size_t> Listeners::wanted(const Group& group, const Lease& lease, const std::vector<bool>& able) {
  std::set<std::size_t> all;
  for (std::size_t i = 0; i < able.size(); ++i)
    if (able[i]) all.insert(i);
  if (lease.shared || all.empty()) return all;
  if (able[lease.owner]) return {lease.owner};
  // Who stands in already goes on; else the one that has the fewest.
  for (const auto holder : lease.holders)
    if (able[holder]) return {holder};
  const auto held = [&](std::size_t loop) {
    return std::ranges::count_if(group.leases, [&](const Lease& other) { return other.holders.contains(loop); });
  };
  return {*std::ranges::min_element(all, {}, held)};
}

void Listeners::close() {
  std::vector<Group> gone;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  gone.swap(groups_);
  for (auto& group : gone) dissolve(group);
  tell_health(gone);
}

void Listeners::refuse() {
  const std::lock_guard lock(mutex_);
  for (const auto& socket : gone_)
    if (const auto held = socket.lock(); held && !has(*held)) ::shutdown(held->fd.get(), SHUT_RDWR);
  gone_.clear();
}

bool Listeners::has(const ListeningSocket& socket) const {
  return std::ranges::any_of(groups_, [&](const Group& group) {
    return std::ranges::any_of(group.leases, [&](const Lease& lease) { return lease.socket.get() == &socket; });
  });
}

std::string Listeners::holder_of(const std::string& address, Listens listens) const {
  const std::lock_guard lock(mutex_);
  for (const auto& group : groups_)
    for (const auto& lease : group.leases)
      if (lease.socket->address == address && lease.socket->listens == listens) return group.workload;
  return {};
}

}  // namespace evloopd::host
