#include <algorithm>
#include <thread>

#include "base/log.h"
#include "host/loop_host_impl.h"

// How the host goes down: all loops at once, in steps that are each bounded.
namespace evloopd::host {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto poll_interval = 10ms;
constexpr auto time_to_rest = 2s;   // of a loop that is not blocked
constexpr auto time_to_close = 2s;  // for its tasks to take their cancellation, and its executor to end

bool is_down(const HostedLoop& loop) { return loop.state() == LoopState::closed; }

}  // namespace

std::vector<std::string> LoopHost::Impl::shutdown(Nanos grace, const std::function<bool()>& hurry) {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  const auto all = loops();
  const auto end = steady_clock::now() + std::min<Nanos>(grace, 24h);
  for (const auto& loop : all) loop->begin_drain();
  changes_->listeners.close();
  const auto drained = [&] { return std::ranges::all_of(all, [](const Loop& loop) { return loop->is_drained(); }); };
  while (steady_clock::now() < end && !(hurry && hurry()) && !drained()) std::this_thread::sleep_for(poll_interval);

  for (const auto& loop : all) {
    if (const auto left = loop->connections(); left > 0) {
      evloop::log(evloop::LogLevel::warning,
                  "loop " + loop->name() + ": " + std::to_string(left) + " connections are cut at shutdown");
      loop->abort_connections();
    }
  }
  // One that was replaced and has come free may still wait for its tasks.
  for (const auto& loop : all)
    if (loop->is_replaced()) loop->hurry_close();
  close_all(all);
  changes_->listeners.refuse();

  std::vector<std::string> stuck;
  for (const auto& loop : all) {
    if (is_down(*loop)) continue;
    loop->quarantine();
    stuck.push_back(loop->name());
  }
  return stuck;
}

void LoopHost::Impl::close_all(const std::vector<Loop>& loops) {
  const auto rest = steady_clock::now() + time_to_rest;
  // Twice, for a loop that was being started when the host began to refuse.
  for (int pass = 0; pass < 2; ++pass) {
    for (const auto& loop : loops) loop->begin_stop();
    for (const auto& loop : loops)
      if (loop->wait_for_rest(rest)) loop->begin_close();
  }
  const auto closed = steady_clock::now() + time_to_close;
  for (const auto& loop : loops)
    if (!loop->wait_until_closed(closed)) loop->hurry_close();
  const auto hurried = steady_clock::now() + time_to_close;
  for (const auto& loop : loops) loop->wait_until_closed(hurried);
}

}  // namespace evloopd::host
