#include "workloads/upstreams/balancer.h"

#include <vector>

#include "workloads/upstreams/hash.h"

namespace evloopd::workloads {
namespace {

using Candidate = PoolView::Candidate;
using Choice = std::optional<std::size_t>;

class OverCandidates : public Balancer {
 public:
  void use(const PoolView& view) override { candidates_ = view.candidates; }

 protected:
  std::span<const Candidate> candidates_;
};

// nginx's smooth weighted round robin: each turn everybody gains its weight, and who has most goes and pays for all. So
// the turns of a heavy one lie apart, and a round has each exactly as often as its weight says.
class RoundRobin final : public OverCandidates {
 public:
  explicit RoundRobin(std::uint32_t loop) : first_(loop) {}

  void use(const PoolView& view) override {
    OverCandidates::use(view);
    credits_.assign(candidates_.size(), 0);
    if (candidates_.empty()) return;
    for (auto i = first_ % candidates_.size(); i > 0; --i) std::ignore = choose(0, Open());
  }

  Choice choose(std::uint64_t /*key*/, const Open& open) override {
    Choice best;
    std::int64_t all = 0;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (!open(candidates_[i])) continue;
      all += candidates_[i].weight;
      credits_[i] += candidates_[i].weight;
      if (!best || credits_[i] > credits_[*best]) best = i;
    }
    if (best) credits_[*best] -= all;
    return best;
  }

 private:
  const std::uint32_t first_;
  std::vector<std::int64_t> credits_;
};

// Whether one more client is better off at `a` than at `b`.
bool has_more_room(const Candidate& a, const Candidate& b) noexcept {
  const auto load = [](const Candidate& candidate) { return std::uint64_t{candidate.endpoint->connections()} + 1; };
  return load(a) * b.weight < load(b) * a.weight;
}

class LeastConn final : public OverCandidates {
 public:
  explicit LeastConn(std::uint32_t loop) : turn_(loop) {}

  Choice choose(std::uint64_t /*key*/, const Open& open) override {
    // The search starts one further each time, so that equal ones take turns.
    const auto start = turn_++;
    Choice best;
    for (std::size_t n = 0; n < candidates_.size(); ++n) {
      const auto i = static_cast<std::size_t>((start + n) % candidates_.size());
      if (open(candidates_[i]) && (!best || has_more_room(candidates_[i], candidates_[*best]))) best = i;
    }
    return best;
  }

 private:
  std::uint64_t turn_;
};

class PowerOfTwo final : public OverCandidates {
 public:
  explicit PowerOfTwo(std::uint32_t loop) : state_(mix(loop + 1)) {}

  Choice choose(std::uint64_t /*key*/, const Open& open) override {
    const auto count = candidates_.size();
    if (count == 0) return std::nullopt;
    const auto first = draw(count);
    const auto second = count > 1 ? (first + 1 + draw(count - 1)) % count : first;
    const bool swap = has_more_room(candidates_[second], candidates_[first]);
    const auto better = swap ? second : first;
    if (open(candidates_[better])) return better;
    // One that is out of the question leaves its clients to those after it.
    for (std::size_t n = 0; n < count; ++n)
      if (const auto i = (first + n) % count; open(candidates_[i])) return i;
    return std::nullopt;
  }

 private:
  std::size_t draw(std::size_t below) noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    return static_cast<std::size_t>((mix(state_) >> 32U) * below >> 32U);
  }

  std::uint64_t state_;
};

class SourceHash final : public OverCandidates {
 public:
  void use(const PoolView& view) override {
    OverCandidates::use(view);
    weight_ = 0;
    for (const auto& candidate : candidates_) weight_ += candidate.weight;
  }

  Choice choose(std::uint64_t key, const Open& open) override {
    if (candidates_.empty()) return std::nullopt;
    auto rest = key % weight_;
    std::size_t first = 0;
    while (rest >= candidates_[first].weight) rest -= candidates_[first++].weight;
    for (std::size_t n = 0; n < candidates_.size(); ++n)
      if (const auto i = (first + n) % candidates_.size(); open(candidates_[i])) return i;
    return std::nullopt;
  }

 private:
  std::uint64_t weight_ = 0;
};

class ConsistentHash final : public OverCandidates {
 public:
  void use(const PoolView& view) override {
    OverCandidates::use(view);
    table_ = view.table;
  }

  Choice choose(std::uint64_t key, const Open& open) override {
    if (candidates_.empty()) return std::nullopt;
    if (const auto i = table_[key % table_.size()]; open(candidates_[i])) return i;
    // Its clients are spread over all others, as if it had gone.
    const auto other = std::ranges::find_if(candidates_, open);
    if (other == candidates_.end()) return std::nullopt;
    const auto start = mix(key + 1) % table_.size();
    for (std::size_t n = 0; n < table_.size(); ++n)
      if (const auto i = table_[(start + n) % table_.size()]; open(candidates_[i])) return i;
    return static_cast<std::size_t>(other - candidates_.begin());  // too light to have a slot
  }

 private:
  std::span<const std::uint16_t> table_;
};

}  // namespace

std::unique_ptr<Balancer> make_balancer(Balance how, std::uint32_t loop) {
  switch (how) {
    case Balance::round_robin: return std::make_unique<RoundRobin>(loop);
    case Balance::least_conn: return std::make_unique<LeastConn>(loop);
    case Balance::power_of_two: return std::make_unique<PowerOfTwo>(loop);
    case Balance::source_hash: return std::make_unique<SourceHash>();
    case Balance::consistent_hash: return std::make_unique<ConsistentHash>();
  }
  return nullptr;
}

}  // namespace evloopd::workloads
