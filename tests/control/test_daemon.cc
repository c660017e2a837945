#include "control/test_daemon.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "aio/coro.h"
#include "aio/event_loop.h"
#include "aio/future.h"
#include "host/faults.h"

namespace evloopd::control::testing {
namespace {

using Options = std::map<std::string, std::string>;

evloop::Coro<std::string> echo(std::string text) { co_return text; }

evloop::Coro<std::string> fail(std::string message) {
  throw std::runtime_error(message);
  co_return "";
}

evloop::Coro<std::string> hold_up(Block& block) {
  block.pass();
  co_return "passed";
}

evloop::Coro<std::string> wait_for_ever(evloop::EventLoop& loop) {
  auto never = loop.create_future<std::string>();
  co_return co_await never;
}

class HolderShare final : public host::WorkloadShare {
 public:
  explicit HolderShare(std::shared_ptr<Holder::State> state) : state_(std::move(state)) {}
  void accepted(host::Accepted) override {}
  [[nodiscard]] std::size_t connections() const override { return state_->connections; }
  void drain() override { ++state_->drained; }
  void abort() override { state_->connections = 0; }

 private:
  const std::shared_ptr<Holder::State> state_;
};

class IdleShare final : public host::WorkloadShare {
 public:
  void accepted(host::Accepted) override {}
  [[nodiscard]] std::size_t connections() const override { return 0; }
  void drain() override {}
  void abort() override {}
};

// Takes what it is given; a latency of more than a minute is refused.
class GivenFaults final : public host::Faults {
 public:
  host::HostResult<void> set(const host::FaultSpec& spec, std::chrono::nanoseconds ttl) override {
    if (spec.latency > std::chrono::minutes(1))
      return std::unexpected(
          host::bad_argument("faults.latency", "at most 60 s", std::to_string(spec.latency.count())));
    const std::lock_guard lock(mutex_);
    now_ = {.in_force = spec, .expire_time = host::WallTime(std::chrono::seconds(100) + ttl), .connections = 3};
    return {};
  }
  void clear() override {
    const std::lock_guard lock(mutex_);
    now_ = {};
  }
  [[nodiscard]] host::FaultsSnapshot snapshot() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }

 private:
  mutable std::mutex mutex_;
  host::FaultsSnapshot now_;  // guarded by mutex_
};

class Forwarder final : public host::Workload, public host::Upstreams {
 public:
  [[nodiscard]] std::string_view kind() const override { return "test.forwarder"; }
  [[nodiscard]] std::unique_ptr<host::WorkloadShare> attach(evloop::EventLoop&) override {
    return std::make_unique<IdleShare>();
  }
  [[nodiscard]] std::vector<host::NamedCount> ends() const override { return {{"done", 7}, {"idle", 0}}; }
  [[nodiscard]] host::Upstreams* upstreams() noexcept override { return this; }
  [[nodiscard]] host::Faults* faults() noexcept override { return &faults_; }

  host::HostResult<void> set(std::vector<host::UpstreamSpec> list) override {
    for (const auto& spec : list)
      if (spec.weight > 256)
        return std::unexpected(host::bad_argument("upstreams[0].weight", "1 to 256", std::to_string(spec.weight)));
    const std::lock_guard lock(mutex_);
    list_ = std::move(list);
    return {};
  }
  [[nodiscard]] host::UpstreamsSnapshot snapshot() const override {
    const std::lock_guard lock(mutex_);
    host::UpstreamsSnapshot all;
    for (const auto& spec : list_) {
      host::UpstreamSnapshot one;
      one.name = spec.name();
      one.weight = spec.weight;
      one.backup = spec.backup;
      one.endpoints.push_back({.address = spec.address,
                               .state = host::UpstreamState::down,
                               .connections_open = 0,
                               .history = {{.time = host::WallTime(std::chrono::seconds(100)),
                                            .state = host::UpstreamState::down,
                                            .reason = "refused"}}});
      all.list.push_back(std::move(one));
    }
    return all;
  }

 private:
  GivenFaults faults_;
  mutable std::mutex mutex_;
  std::vector<host::UpstreamSpec> list_;  // guarded by mutex_
};

std::string option(const Options& options, const char* key) {
  const auto found = options.find(key);
  return found == options.end() ? "" : found->second;
}

std::string make_folder() {
  std::string pattern = std::filesystem::temp_directory_path() / "evloopd-XXXXXX";
  return ::mkdtemp(pattern.data());
}

ControlOptions in_folder(ControlOptions options, const std::string& folder) {
  options.observe_socket = folder + "/observe.sock";
  options.admin_socket = folder + "/admin.sock";
  return options;
}

DaemonInfo info() {
  return {.name = "edge-a",
          .version = "1.2.3",
          .pid = ::getpid(),
          .start_time = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000)),
          .config_path = "/etc/evloopd/evloopd.yaml",
          .fd_limit = 1024};
}

}  // namespace

void Block::pass() {
  std::unique_lock lock(mutex_);
  held_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return open_; });
}

void Block::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

bool Block::wait_until_held() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return held_; });
}

std::unique_ptr<host::WorkloadShare> Holder::attach(evloop::EventLoop& loop) {
  evloop::EventLoop* none = nullptr;
  state_->loop.compare_exchange_strong(none, &loop);
  return std::make_unique<HolderShare>(state_);
}

TestDaemon::TestDaemon(ControlOptions options)
    : folder_(make_folder()),
      host(jobs()),
      control(host, info(), in_folder(std::move(options), folder_), [this](const AuditRecord& record) {
        const std::lock_guard lock(audit_mutex_);
        audit_.push_back(record);
      }) {
  host.on_state_change([this](const host::LoopSnapshot& loop) { control.loop_changed(loop); });
  control.start();
}

TestDaemon::~TestDaemon() {
  block.open();
  static_cast<void>(control.stop(std::chrono::seconds(1)));
  host.shutdown(std::chrono::seconds(1), nullptr);
  std::filesystem::remove_all(folder_);
}

std::vector<AuditRecord> TestDaemon::audit() const {
  const std::lock_guard lock(audit_mutex_);
  return audit_;
}

void TestDaemon::run_loop(const std::string& name) {
  host::LoopOptions options;
  options.name = name;
  ASSERT_TRUE(host.create(options));
  ASSERT_TRUE(host.start(name, std::chrono::steady_clock::now() + patience));
}

void TestDaemon::forward(const std::string& workload, const std::string& loop) {
  EXPECT_TRUE(host.add_workload({.name = workload, .loops = {loop}, .listeners = {}}, std::make_unique<Forwarder>()));
}

std::shared_ptr<Holder::State> TestDaemon::run_loop_with(std::size_t connections, const std::string& name) {
  auto state = std::make_shared<Holder::State>();
  state->connections = connections;
  run_loop(name);
  EXPECT_TRUE(
      host.add_workload({.name = "on-" + name, .loops = {name}, .listeners = {}}, std::make_unique<Holder>(state)));
  return state;
}

host::JobCatalogue TestDaemon::jobs() {
  host::JobCatalogue jobs;
  jobs.add("echo", [](const Options& options) -> host::HostResult<host::JobStart> {
    return [text = option(options, "text")](evloop::EventLoop&) { return echo(text); };
  });
  jobs.add("fail", [](const Options& options) -> host::HostResult<host::JobStart> {
    return [message = option(options, "message")](evloop::EventLoop&) { return fail(message); };
  });
  jobs.add("block", [this](const Options&) -> host::HostResult<host::JobStart> {
    return [this](evloop::EventLoop&) { return hold_up(block); };
  });
  jobs.add("forever", [](const Options&) -> host::HostResult<host::JobStart> {
    return [](evloop::EventLoop& loop) { return wait_for_ever(loop); };
  });
  return jobs;
}

}  // namespace evloopd::control::testing
