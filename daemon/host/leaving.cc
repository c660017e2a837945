#include "host/leaving.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "base/log.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;

constexpr Nanos longest_drain = 24h;
constexpr auto time_to_cut = 1s;  // until connections that were cut are closed; then their share goes with them

}  // namespace

struct Leaving::Generation {
  struct Share {
    std::shared_ptr<HostedLoop> loop;
    // The loop accepts nobody for it any more: until then it may still get connections.
    std::shared_ptr<const std::atomic<bool>> told;
    HostedLoop::Deadline deadline;
    bool cut = false;
  };

  std::string workload;
  std::string key;
  std::vector<Share> shares;  // of the loops on which it is not gone
  std::uint64_t connections_cut = 0;
  std::shared_ptr<Workload> keep;
};

std::shared_ptr<Leaving::Generation> Leaving::add(std::string workload, std::string key, Loops loops,
                                                  std::shared_ptr<Workload> generation, std::optional<Nanos> timeout) {
  const auto now = std::chrono::steady_clock::now();
  const auto leaving = std::make_shared<Generation>(
      Generation{.workload = std::move(workload), .key = std::move(key), .shares = {}, .keep = std::move(generation)});
  for (auto& loop : loops) {
    auto told = loop->drain_connections(leaving->key);
    const auto deadline = now + std::min(timeout.value_or(loop->drain_timeout()), longest_drain);
    leaving->shares.push_back({.loop = std::move(loop), .told = std::move(told), .deadline = deadline});
  }
  const std::lock_guard lock(mutex_);
  generations_.push_back(leaving);
  return leaving;
}

void Leaving::look(HostedLoop::Deadline now) {
  std::vector<std::shared_ptr<Workload>> gone;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  for (const auto& generation : generations_) {
    std::erase_if(generation->shares, [&](Generation::Share& share) {
      if (share.loop->state() == LoopState::closed) return true;
      const bool told = *share.told;  // first: from then on there are only fewer
      const auto left = share.loop->connections(generation->key);
      const bool at_end = told && left == 0;
      if (!at_end && now < share.deadline) return false;
      if (!at_end && !share.cut) {
        evloop::log(evloop::LogLevel::warning, "workload " + generation->workload + " on loop " + share.loop->name() +
                                                   ": drain deadline passed, " + std::to_string(left) +
                                                   " connections are cut");
        share.loop->abort_connections(generation->key);
        generation->connections_cut += left;
        share.cut = true;
        share.deadline = now + time_to_cut;
        return false;
      }
      share.loop->detach(generation->key);
      return true;
    });
    if (generation->shares.empty()) gone.push_back(std::move(generation->keep));
  }
  std::erase_if(generations_, [](const auto& generation) { return generation->shares.empty(); });
}

std::uint64_t Leaving::connections(const std::string& workload) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& generation : generations_)
    if (generation->workload == workload)
      for (const auto& share : generation->shares) sum += share.loop->connections(generation->key);
  return sum;
}

Leaving::Generations Leaving::of(const std::string& workload) const {
  const std::lock_guard lock(mutex_);
  Generations found;
  std::ranges::copy_if(generations_, std::back_inserter(found),
                       [&](const auto& generation) { return generation->workload == workload; });
  return found;
}

void Leaving::limit(const Generations& generations, HostedLoop::Deadline deadline) {
  const std::lock_guard lock(mutex_);
  for (const auto& generation : generations)
    for (auto& share : generation->shares)
      if (!share.cut) share.deadline = std::min(share.deadline, deadline);
}

WorkloadDrainSnapshot Leaving::snapshot(const std::string& workload, const Generations& generations) const {
  WorkloadDrainSnapshot drain{.workload = workload, .loops = {}, .deadline = {}};
  std::map<std::string, std::uint64_t> left;
  std::optional<HostedLoop::Deadline> deadline;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& generation : generations) {
      drain.connections_cut += generation->connections_cut;
      for (const auto& share : generation->shares) {
        left[share.loop->name()] += share.loop->connections(generation->key);
        deadline = std::max(deadline.value_or(share.deadline), share.deadline);
      }
    }
  }
  for (const auto& [loop, connections] : left) drain.loops.push_back({.loop = loop, .connections = connections});
  if (deadline) drain.deadline = on_the_wall(*deadline);
  drain.over = left.empty();
  drain.snapshot_time = std::chrono::system_clock::now();
  return drain;
}

}  // namespace evloopd::host
