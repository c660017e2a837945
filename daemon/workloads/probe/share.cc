#include "workloads/probe/share.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <utility>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "base/log.h"
#include "workloads/checks/jitter.h"

namespace evloopd::workloads {
namespace {

using evloop::Coro;
using evloop::Duration;

constexpr Duration longest_stagger = std::chrono::seconds(1);

// So that the targets do not all come at once, and yet are known soon.
Duration first_delay(Duration interval, std::minstd_rand& random) {
  return Duration(
      std::uniform_int_distribution<Duration::rep>(0, std::min<Duration>(interval, longest_stagger).count())(random));
}

}  // namespace

// What the tasks have of their share, which may go before they have noticed that they are cancelled.
struct ProbeShare::Duty {
  ProbeShare* share;
  std::shared_ptr<TargetList> list;
  std::uint64_t number = 0;
  std::string workload{};
  std::atomic<std::size_t> under_way{0};

  [[nodiscard]] bool is_over() const noexcept { return !share || !list->is_current(number); }
  void tell(const ProbeTarget& target, const ProbeChange& change) const {
    evloop::log(change.up ? evloop::LogLevel::info : evloop::LogLevel::warning,
                "workload " + workload + ": target " + target.options().name + (change.up ? " is up: " : " is down: ") +
                    change.reason);
  }
};

// One target's.
struct ProbeShare::Turn {
  std::shared_ptr<Duty> duty;
  bool under_way = false;
  bool last = false;
};

ProbeShare::ProbeShare(evloop::EventLoop& loop, std::shared_ptr<TargetList> list)
    : loop_(loop), list_(std::move(list)), duty_(std::make_shared<Duty>(this, list_)) {
  // The list must not hold what holds the list.
  duty_->number = list_->take_over(loop.port(), [weak = std::weak_ptr(duty_)] {
    if (const auto duty = weak.lock(); duty && !duty->is_over()) duty->share->work();
  });
  work();
}

ProbeShare::~ProbeShare() {
  duty_->share = nullptr;
  if (!loop_.is_closed()) abort();
}

void ProbeShare::introduce(const host::ShareNames& names) { duty_->workload = names.workload; }

std::size_t ProbeShare::connections() const { return duty_->under_way.load(std::memory_order_relaxed); }

void ProbeShare::drain() {
  resting_ = true;
  std::erase_if(probings_, [](const Probing& probing) {
    if (probing.turn->under_way) {
      probing.turn->last = true;
      return false;
    }
    probing.task.cancel();
    return true;
  });
}

void ProbeShare::resume() {
  if (!std::exchange(resting_, false)) return;
  for (const auto& probing : probings_) probing.turn->last = false;
  work();
}

void ProbeShare::abort() {
  resting_ = true;
  for (const auto& probing : probings_) probing.task.cancel();
  probings_.clear();
}

void ProbeShare::work() {
  if (resting_) return;
  const auto wanted = list_->all();
  std::erase_if(probings_, [&](const Probing& probing) {
    if (!probing.task.done() && std::ranges::find(wanted, probing.target) != wanted.end()) return false;
    probing.task.cancel();
    return true;
  });
  for (const auto& target : wanted) {
    if (std::ranges::find(probings_, target, &Probing::target) != probings_.end()) continue;
    auto turn = std::make_shared<Turn>(duty_);
    auto task = loop_.create_task(keep_probing(target, turn, std::random_device()()),
                                  {.name = "probe " + target->options().name});
    probings_.push_back({.target = target, .turn = std::move(turn), .task = std::move(task)});
  }
}

Coro<void> ProbeShare::keep_probing(std::shared_ptr<ProbeTarget> target, std::shared_ptr<Turn> turn,
                                    std::uint32_t seed) {
  const auto& loop = evloop::get_running_loop();
  std::minstd_rand random(seed);
  co_await evloop::sleep(first_delay(target->interval(), random));
  while (!turn->duty->is_over()) {
    const auto begun = loop.time();
    const auto outcome = co_await evloop::settled(probe_once(target, turn));
    auto said = outcome ? outcome.value() : failure_text(outcome.error());
    // What a loop says that was stuck for long is no news.
    if (turn->duty->is_over()) break;
    if (const auto change = target->probed(outcome.has_value(), std::move(said), loop.time() - begun))
      turn->duty->tell(*target, *change);
    if (turn->last) break;
    const auto next = begun + jittered(target->interval(), target->options().check.jitter, random);
    co_await evloop::sleep(next - loop.time());
  }
}

Coro<std::string> ProbeShare::probe_once(std::shared_ptr<ProbeTarget> target, std::shared_ptr<Turn> turn) {
  struct UnderWay {
    Turn& turn;
    explicit UnderWay(Turn& t) : turn(t) {
      turn.under_way = true;
      turn.duty->under_way.fetch_add(1, std::memory_order_relaxed);
    }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
    ~UnderWay() {
      turn.under_way = false;
      turn.duty->under_way.fetch_sub(1, std::memory_order_relaxed);
    }
  } const under_way(*turn);
  co_return co_await target->probe();
}

}  // namespace evloopd::workloads
