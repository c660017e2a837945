#include "host/loop_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "base/log.h"
#include "host/loop_host_impl.h"

namespace evloopd::host {
namespace {

constexpr std::size_t longest_name = 63;

bool is_name(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= longest_name && plain(text.front()) && plain(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '-'; });
}

HostResult<void> check_name(const std::string& field, const std::string& name) {
  if (is_name(name)) return {};
  return std::unexpected(bad_argument(field, "1 to 63 of a-z, 0-9 and -, with no - at either end", name));
}

// Never the same again, in this process or another.
std::string make_uid() {
  static std::atomic<std::uint64_t> count{0};
  std::random_device random;
  return fmt::format("{:08x}{:08x}-{}", random(), random(), ++count);
}

}  // namespace

// --- Changes ---

void Changes::set_listener(Listener listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

void Changes::loop_changed(HostedLoop& loop) {
  const std::shared_lock lock(mutex_);
  if (!open_) return;
  try {
    loop.health().set_state(loop.state());
    listeners.rebalance();
    if (listener_) listener_(loop.snapshot());
  } catch (const std::exception& error) {
    evloop::log(evloop::LogLevel::error, fmt::format("loop {}: a change was not told: {}", loop.name(), error.what()));
  }
}

void Changes::rebalance() {
  const std::shared_lock lock(mutex_);
  if (open_) listeners.rebalance();
}

void Changes::close() {
  listeners.close();
  const std::lock_guard lock(mutex_);
  open_ = false;
  listener_ = nullptr;
}

// --- LoopHost::Impl ---

LoopHost::Impl::Impl(JobCatalogue jobs)
    : jobs_(std::move(jobs)),
      observer_([this] { return loops(); }, bell_, [this] { changes_->rebalance(); },
                [this] {
                  leaving_workloads_.look(std::chrono::steady_clock::now());
                  forget_replaced();
                }) {}

LoopHost::Impl::~Impl() {
  static_cast<void>(shutdown(Nanos::zero(), nullptr));
  changes_->close();
}

HostResult<void> LoopHost::Impl::check_open() const {
  if (!leaving_) return {};
  return std::unexpected(HostError{.reason = Reason::daemon_shutting_down,
                                   .message = "the daemon is shutting down and takes no more changes",
                                   .metadata = {}});
}

HostResult<LoopHost::Impl::Loop> LoopHost::Impl::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = loops_.find(name); found != loops_.end()) return found->second;
  return std::unexpected(HostError{.reason = Reason::loop_not_found,
                                   .message = fmt::format("there is no loop {}", name),
                                   .metadata = {{"loop", std::string(name)}}});
}

std::vector<LoopHost::Impl::Loop> LoopHost::Impl::loops() const {
  const std::lock_guard lock(mutex_);
  std::vector<Loop> all;
  all.reserve(loops_.size());
  for (const auto& [name, loop] : loops_) all.push_back(loop);
  return all;
}

LoopHost::Impl::Loop LoopHost::Impl::make_loop(LoopOptions options) {
  return std::make_shared<HostedLoop>(std::move(options), make_uid(), bell_,
                                      [changes = changes_](HostedLoop& changed) { changes->loop_changed(changed); });
}

HostResult<LoopSnapshot> LoopHost::Impl::create(LoopOptions options) {
  if (const auto open = check_open(); !open) return std::unexpected(open.error());
  if (const auto name = check_name("name", options.name); !name) return std::unexpected(name.error());
  Loop loop;
  try {
    const std::lock_guard lock(mutex_);
    // Again, as nobody else may come in once the loops that are to go have been counted.
    if (const auto open = check_open(); !open) return std::unexpected(open.error());
    if (loops_.contains(options.name))
      return std::unexpected(HostError{.reason = Reason::loop_exists,
                                       .message = "there is a loop " + options.name + " already",
                                       .metadata = {{"loop", options.name}}});
    auto name = options.name;
    loop = make_loop(std::move(options));
    loops_.emplace(std::move(name), loop);
  } catch (const std::system_error& error) {
    return std::unexpected(os_error(error, "cannot make a loop"));
  }
  changes_->loop_changed(*loop);
  if (const auto attached = attach_again(loop); !attached) return std::unexpected(attached.error());
  return loop->snapshot();
}

HostResult<void> LoopHost::Impl::remove(std::string_view name) {
  if (const auto open = check_open(); !open) return std::unexpected(open.error());
  const auto loop = find(name);
  if (!loop) return std::unexpected(loop.error());
  if (const auto removable = (*loop)->check_removable(); !removable) return std::unexpected(removable.error());
  Loop gone;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  if (const auto found = loops_.find(name); found != loops_.end() && found->second == *loop) {
    gone = std::move(found->second);
    loops_.erase(found);
  }
  return {};
}

HostResult<LoopSnapshot> LoopHost::Impl::change(std::string_view name,
                                                const std::function<HostResult<void>(HostedLoop&)>& command) {
  if (const auto open = check_open(); !open) return std::unexpected(open.error());
  const auto loop = find(name);
  if (!loop) return std::unexpected(loop.error());
  if (const auto done = command(**loop); !done) return std::unexpected(done.error());
  return (*loop)->snapshot();
}

HostResult<std::string> LoopHost::Impl::run_until_complete(std::string_view name, const JobSpec& job, Deadline deadline,
                                                           const std::function<bool()>& cancelled) {
  auto start = jobs_.make(job);
  if (!start) return std::unexpected(start.error());
  std::string answer;
  const auto done = change(name, [&](HostedLoop& loop) -> HostResult<void> {
    auto result = loop.run_job(job.kind, std::move(*start), deadline, cancelled);
    if (!result) return std::unexpected(std::move(result.error()));
    answer = std::move(*result);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return answer;
}

// --- LoopHost ---

LoopHost::LoopHost(JobCatalogue jobs) : impl_(std::make_unique<Impl>(std::move(jobs))) {}
LoopHost::~LoopHost() = default;

HostResult<LoopSnapshot> LoopHost::create(LoopOptions options) { return impl_->create(std::move(options)); }

HostResult<LoopSnapshot> LoopHost::start(std::string_view name, Deadline deadline) {
  return impl_->change(name, [&](HostedLoop& loop) { return loop.start(deadline); });
}
HostResult<LoopSnapshot> LoopHost::stop(std::string_view name, Deadline deadline) {
  return impl_->change(name, [&](HostedLoop& loop) { return loop.stop(deadline); });
}
HostResult<LoopSnapshot> LoopHost::drain(std::string_view name, Deadline deadline) {
  return impl_->change(name, [&](HostedLoop& loop) { return loop.drain(deadline); });
}
HostResult<LoopSnapshot> LoopHost::close(std::string_view name, CloseMode mode, Deadline deadline) {
  return impl_->change(name, [&](HostedLoop& loop) { return loop.close(mode, deadline); });
}
HostResult<void> LoopHost::remove(std::string_view name) { return impl_->remove(name); }
HostResult<Replacement> LoopHost::replace(std::string_view name, bool force, Deadline deadline) {
  return impl_->replace(name, force, deadline);
}

HostResult<std::string> LoopHost::run_until_complete(std::string_view name, const JobSpec& job, Deadline deadline,
                                                     const std::function<bool()>& cancelled) {
  return impl_->run_until_complete(name, job, deadline, cancelled);
}
HostResult<LoopSnapshot> LoopHost::shutdown_asyncgens(std::string_view name, Deadline deadline) {
  return impl_->change(name, [&](HostedLoop& loop) { return loop.shutdown_asyncgens(deadline); });
}

HostResult<LoopSnapshot> LoopHost::get(std::string_view name) const {
  const auto loop = impl_->find(name);
  if (!loop) return std::unexpected(loop.error());
  return (*loop)->snapshot();
}
std::vector<LoopSnapshot> LoopHost::list() const {
  std::vector<LoopSnapshot> snapshots;
  for (const auto& loop : impl_->loops()) snapshots.push_back(loop->snapshot());
  return snapshots;
}
HostResult<TaskPage> LoopHost::tasks(std::string_view name) const {
  const auto loop = impl_->find(name);
  if (!loop) return std::unexpected(loop.error());
  return (*loop)->tasks();
}
std::vector<WorkloadSnapshot> LoopHost::workloads() const { return impl_->workloads(); }
HostResult<WorkloadSnapshot> LoopHost::workload(std::string_view name) const { return impl_->workload(name); }
std::vector<std::string> LoopHost::job_kinds() const { return impl_->jobs().kinds(); }

HostResult<void> LoopHost::add_workload(WorkloadOptions options, std::unique_ptr<Workload> workload) {
  return impl_->add_workload(std::move(options), std::move(workload));
}
HostResult<Applied> LoopHost::apply_workload(WorkloadOptions options, std::unique_ptr<Workload> workload) {
  return impl_->apply_workload(std::move(options), std::move(workload));
}
HostResult<void> LoopHost::remove_workload(std::string_view name) { return impl_->remove_workload(name); }
HostResult<WorkloadDrain> LoopHost::drain_workload(std::string_view name, std::optional<Nanos> timeout) {
  return impl_->drain_workload(name, timeout);
}
HostResult<void> LoopHost::set_upstreams(std::string_view name, std::vector<UpstreamSpec> list) {
  return impl_->set_upstreams(name, std::move(list));
}
HostResult<void> LoopHost::set_faults(std::string_view name, const FaultSpec& spec, Nanos ttl) {
  return impl_->set_faults(name, spec, ttl);
}
HostResult<void> LoopHost::clear_faults(std::string_view name) { return impl_->clear_faults(name); }
void LoopHost::on_state_change(std::function<void(const LoopSnapshot&)> listener) {
  impl_->changes().set_listener(std::move(listener));
}
std::vector<std::string> LoopHost::shutdown(Nanos grace, const std::function<bool()>& hurry) {
  return impl_->shutdown(grace, hurry);
}

}  // namespace evloopd::host
