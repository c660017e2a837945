#include <utility>

#include "base/log.h"
#include "host/loop_host_impl.h"

// How a loop takes the place of another one that is stuck.
namespace evloopd::host {

// What can fail comes first, so that who is refused has changed nothing.
HostResult<Replacement> LoopHost::Impl::replace(std::string_view name, bool force, Deadline deadline) {
  const std::unique_lock one_at_a_time(workload_mutex_, deadline);
  if (!one_at_a_time)
    return std::unexpected(HostError{.reason = Reason::operation_in_progress,
                                     .message = "a workload is being changed all the time",
                                     .metadata = {{"loop", std::string(name)}}});
  if (const auto open = check_open(); !open) return std::unexpected(open.error());
  const auto old = find(name);
  if (!old) return std::unexpected(old.error());
  if (const auto replaceable = (*old)->check_replaceable(force); !replaceable)
    return std::unexpected(replaceable.error());
  const bool shall_run = (*old)->shall_run();

  Loop fresh;
  try {
    fresh = make_loop((*old)->options());
  } catch (const std::system_error& error) {
    return std::unexpected(os_error(error, "cannot make a loop"));
  }
  const auto wanted = workloads_on(fresh->name());
  const auto given = [&]() -> HostResult<void> {
    for (const auto& hosted : wanted)
      if (const auto attached = attach(hosted, {fresh}); !attached) return attached;
    return give_name(*old, fresh);
  }();
  if (!given) {
    fresh->begin_close();
    fresh->wait_until_closed(deadline);
    return std::unexpected(given.error());
  }
  for (const auto& hosted : wanted) changes_->listeners.replace(hosted.key, fresh);
  changes_->loop_changed(*fresh);
  if (shall_run)
    if (const auto started = fresh->start(deadline); !started) return std::unexpected(started.error());
  return Replacement{.loop = fresh->snapshot(), .replaced = (*old)->snapshot()};
}

HostResult<void> LoopHost::Impl::give_name(const Loop& old, const Loop& fresh) {
  const auto given = old->give_up([&](LoopName& name) -> HostResult<void> {
    const std::lock_guard lock(mutex_);
    // Again, as nobody else may come in once the loops that are to go have been counted.
    if (const auto open = check_open(); !open) return open;
    int number = 1;
    while (loops_.contains(name.first() + '~' + std::to_string(number))) ++number;
    name.change(name.first() + '~' + std::to_string(number));
    loops_.emplace(name.get(), old);
    loops_.insert_or_assign(name.first(), fresh);
    return {};
  });
  if (given)
    evloop::log(evloop::LogLevel::warning, "loop " + fresh->name() + " is replaced; the old one is " + old->name() +
                                               " until it comes free, and then cuts its connections");
  return given;
}

// Those that have come to their end.
void LoopHost::Impl::forget_replaced() {
  std::vector<Loop> gone;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(loops_, [&](const auto& each) {
      if (!each.second->is_replaced() || each.second->state() != LoopState::closed) return false;
      gone.push_back(each.second);
      return true;
    });
  }
  for (const auto& loop : gone)
    evloop::log(evloop::LogLevel::info, "loop " + loop->name() + " came free and is closed");
}

}  // namespace evloopd::host
