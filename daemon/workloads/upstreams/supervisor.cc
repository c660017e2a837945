#include "workloads/upstreams/supervisor.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "aio/settled.h"
#include "aio/sleep.h"
#include "aio/timeout.h"
#include "base/log.h"
#include "workloads/checks/checker.h"
#include "workloads/checks/jitter.h"

namespace evloopd::workloads {
namespace {

using evloop::Coro;
using evloop::Duration;

constexpr Duration longest_retry = std::chrono::seconds(30);

// The tasks keep what they use: the supervisor may go before they have noticed that they are cancelled.

Coro<void> keep_checking(std::shared_ptr<Pool> pool, evloop::Ref<Endpoint> endpoint, std::uint32_t seed) {
  const auto& options = pool->options().check;
  std::minstd_rand random(seed);
  for (;;) {
    const auto outcome = co_await evloop::settled(pool->checker().run(endpoint->address()));
    const auto reason = outcome ? outcome.value() : failure_text(outcome.error());
    const bool up = pool->checked(*endpoint, outcome.has_value(), reason, evloop::get_running_loop().time());
    co_await evloop::sleep(jittered(up ? options.interval : options.down_interval, options.jitter, random));
  }
}

Coro<void> keep_resolving(std::shared_ptr<Pool> pool, std::shared_ptr<DnsClient> dns, std::string name) {
  const auto& options = pool->options().dns;
  const auto parsed = DnsName::parse(name);
  Duration retry = options.least;
  bool failed = false;
  for (;;) {
    auto outcome = co_await evloop::settled(evloop::wait_for(dns->lookup(parsed), options.timeout));
    Duration next{};
    if (outcome) {
      auto& answer = outcome.value();
      pool->resolved(name, answer.addresses, evloop::get_running_loop().time());
      if (std::exchange(failed, false)) evloop::log(evloop::LogLevel::info, "upstream " + name + " is resolved again");
      next = std::clamp<Duration>(answer.ttl, options.least, options.most);
      retry = options.least;
    } else {
      const auto why = failure_text(outcome.error());
      if (!std::exchange(failed, true))
        evloop::log(evloop::LogLevel::warning,
                    "upstream " + name + " cannot be resolved: " + why + " (it keeps the addresses it has, if any)");
      next = retry;
      retry = std::min<Duration>(retry * 2, std::max<Duration>(longest_retry, options.least));
    }
    co_await evloop::sleep(next);
  }
}

}  // namespace

void Supervisor::work() {
  if (pool_->options().check.kind != CheckKind::none) check(pool_->endpoints());
  resolve(pool_->names());
}

void Supervisor::check(const std::vector<evloop::Ref<Endpoint>>& wanted) {
  std::erase_if(checks_, [&](const Check& check) {
    if (std::ranges::find(wanted, check.endpoint) != wanted.end()) return false;
    check.task.cancel();
    return true;
  });
  for (const auto& endpoint : wanted) {
    if (std::ranges::find(checks_, endpoint, &Check::endpoint) != checks_.end()) continue;
    auto task = loop_.create_task(keep_checking(pool_, endpoint, std::random_device()()),
                                  {.name = "check " + endpoint->name()});
    checks_.push_back({.endpoint = endpoint, .task = std::move(task)});
  }
}

void Supervisor::resolve(const std::vector<std::string>& wanted) {
  std::erase_if(lookups_, [&](const auto& lookup) {
    if (std::ranges::find(wanted, lookup.first) != wanted.end()) return false;
    lookup.second.cancel();
    return true;
  });
  if (!wanted.empty() && !dns_) dns_ = std::make_shared<DnsClient>(loop_, pool_->options().dns);
  for (const auto& name : wanted)
    if (!lookups_.contains(name))
      lookups_.emplace(name, loop_.create_task(keep_resolving(pool_, dns_, name), {.name = "resolve " + name}));
}

void Supervisor::rest() noexcept {
  if (!loop_.is_closed()) {
    for (const auto& check : checks_) check.task.cancel();
    for (const auto& [name, task] : lookups_) task.cancel();
  }
  checks_.clear();
  lookups_.clear();
  dns_ = nullptr;
}

}  // namespace evloopd::workloads
