#include "host/leaving.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace evloopd::host {
namespace {

using namespace std::chrono_literals;

constexpr Nanos longest_drain = 24h;
constexpr auto time_to_cut = 1s;  // until connections that were cut are closed; then their share goes with them

}  // namespace

void Leaving::add(std::string workload, std::string key, Loops loops, std::shared_ptr<Workload> generation) {
  const auto now = std::chrono::steady_clock::now();
  Generation leaving{.workload = std::move(workload), .key = std::move(key), .shares = {}, .keep = std::move(generation)};
  for (auto& loop : loops) {
    auto told = loop->drain_connections(leaving.key);
    const auto deadline = now + std::min(loop->drain_timeout(), longest_drain);
    leaving.shares.push_back({.loop = std::move(loop), .told = std::move(told), .deadline = deadline});
  }
  const std::lock_guard lock(mutex_);
  generations_.push_back(std::move(leaving));
}

void Leaving::look(HostedLoop::Deadline now) {
  std::vector<Generation> gone;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  for (auto& generation : generations_) {
    std::erase_if(generation.shares, [&](Share& share) {
      if (share.loop->state() == LoopState::closed) return true;
      const bool told = *share.told;  // first: from then on there are only fewer
      const auto left = share.loop->connections(generation.key);
      const bool at_end = told && left == 0;
      if (!at_end && now < share.deadline) return false;
      if (!at_end && !share.cut) {
        evloop::log(evloop::LogLevel::warning, "workload " + generation.workload + " on loop " + share.loop->name() +
                                                   ": drain deadline passed, " + std::to_string(left) +
                                                   " connections are cut");
        share.loop->abort_connections(generation.key);
        share.cut = true;
        share.deadline = now + time_to_cut;
        return false;
      }
      share.loop->detach(generation.key);
      return true;
    });
  }
  const auto ended = std::ranges::partition(generations_, [](const auto& each) { return !each.shares.empty(); });
  std::ranges::move(ended, std::back_inserter(gone));
  generations_.erase(ended.begin(), ended.end());
}

std::uint64_t Leaving::connections(const std::string& workload) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const auto& generation : generations_)
    if (generation.workload == workload)
      for (const auto& share : generation.shares) sum += share.loop->connections(generation.key);
  return sum;
}

}  // namespace evloopd::host
