#include "host/fixture.h"

#include <sys/socket.h>

#include <stdexcept>
#include <utility>

#include "aio/settled.h"
#include "host/jobs.h"
#include "net/socket.h"
#include "net/socket_address.h"

namespace evloopd::host::testing {
namespace {

using evloop::Coro;
using evloop::EventLoop;
using Options = std::map<std::string, std::string>;

class GreeterShare final : public WorkloadShare {
 public:
  GreeterShare(WorkloadCounters& counters, std::shared_ptr<Doings> doings)
      : counters_(counters), doings_(std::move(doings)) {
    ++doings_->shares;
  }
  ~GreeterShare() override {
    forget_all();
    --doings_->shares;
  }

  void accepted(Accepted connection) override {
    counters_.connections_total.fetch_add(1);
    {
      const std::lock_guard lock(doings_->mutex);
      ++doings_->accepted[std::this_thread::get_id()];
    }
    if (::send(connection.socket.get(), "k", 1, MSG_NOSIGNAL) == 1) counters_.bytes_out.fetch_add(1);
    if (!doings_->keeps_connections) return;
    counters_.connections_open.fetch_add(1);
    connections_.push_back(std::move(connection));
    count_ = connections_.size();
  }
  [[nodiscard]] std::size_t connections() const override { return count_; }
  void drain() override { ++doings_->drained; }
  void resume() override { ++doings_->resumed; }
  void abort() override {
    ++doings_->aborted;
    forget_all();
  }

 private:
  void forget_all() {
    counters_.connections_open.fetch_sub(connections_.size());
    connections_.clear();
    count_ = 0;
  }

  WorkloadCounters& counters_;
  const std::shared_ptr<Doings> doings_;
  std::vector<Accepted> connections_;
  std::atomic<std::size_t> count_{0};
};

class Greeter final : public Workload {
 public:
  explicit Greeter(std::shared_ptr<Doings> doings) : doings_(std::move(doings)) {}
  ~Greeter() override { doings_->destroyed = true; }
  [[nodiscard]] std::string_view kind() const override { return "test.greeter"; }
  [[nodiscard]] std::unique_ptr<WorkloadShare> attach(EventLoop& loop) override {
    doings_->on_attach(loop);
    return std::make_unique<GreeterShare>(counters_, doings_);
  }

 private:
  const std::shared_ptr<Doings> doings_;
};

Coro<std::string> echo(std::string text) { co_return text; }

Coro<std::string> fail(std::string text) {
  throw std::runtime_error(text);
  co_return "";
}

Coro<std::string> exit_at_once() {
  throw evloop::ExitRequest(3);
  co_return "";
}

Coro<std::string> hold(Gate& gate) {
  gate.pass();
  co_return "passed";
}

Coro<std::string> wait_for_ever(EventLoop& loop) {
  auto never = loop.create_future<std::string>();
  co_return co_await never;
}

// Swallows each cancellation and goes on.
Coro<std::string> never_cancelled(EventLoop& loop) {
  for (;;) {
    auto never = loop.create_future<std::string>();
    static_cast<void>(co_await evloop::settled(never));
  }
}

// The run ends with the turn in which the outer one runs.
Coro<std::string> leave_callback(EventLoop& loop, Gate& gate) {
  loop.call_soon([&loop, &gate] { loop.call_soon([&gate] { gate.pass(); }); });
  co_return "left";
}

std::string option(const Options& options, const char* key) {
  const auto found = options.find(key);
  return found == options.end() ? "" : found->second;
}

}  // namespace

void Gate::pass() {
  std::unique_lock lock(mutex_);
  held_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return open_; });
}

void Gate::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

bool Gate::wait_until_held() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return held_; });
}

std::unique_ptr<Workload> make_greeter(std::shared_ptr<Doings> doings) {
  return std::make_unique<Greeter>(std::move(doings));
}

evloop::UniqueFd connect_to(const std::string& text) {
  const auto address = evloop::SocketAddress::parse(text);
  evloop::UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval timeout{.tv_sec = patience.count(), .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  if (::connect(fd.get(), address.data(), address.length()) != 0) return {};
  return fd;
}

bool is_greeted(const std::string& address) {
  const auto fd = connect_to(address);
  char byte = 0;
  return fd && ::recv(fd.get(), &byte, 1, 0) == 1 && byte == 'k';
}

void HostTest::create(const std::string& name) {
  LoopOptions options;
  options.name = name;
  const auto made = host->create(options);
  ASSERT_TRUE(made) << made.error().message;
}

void HostTest::run(const std::string& name) {
  create(name);
  const auto started = host->start(name, soon());
  ASSERT_TRUE(started) << started.error().message;
}

HostResult<std::string> HostTest::job(const std::string& loop, const std::string& kind, Options options) {
  return host->run_until_complete(loop, {.kind = kind, .options = std::move(options)}, soon(), nullptr);
}

std::jthread HostTest::hold_up(const std::string& loop) {
  std::jthread thread([this, loop] { static_cast<void>(job(loop, "block")); });
  EXPECT_TRUE(gate.wait_until_held());
  return thread;
}

LoopSnapshot HostTest::get(const std::string& name) const {
  auto loop = host->get(name);
  EXPECT_TRUE(loop) << loop.error().message;
  return loop ? std::move(*loop) : LoopSnapshot{};
}

JobCatalogue HostTest::jobs() {
  JobCatalogue jobs;
  add_standard_jobs(jobs);
  jobs.add("echo", [](const Options& options) -> HostResult<JobStart> {
    return [text = option(options, "text")](EventLoop&) { return echo(text); };
  });
  jobs.add("fail", [](const Options& options) -> HostResult<JobStart> {
    return [text = option(options, "text")](EventLoop&) { return fail(text); };
  });
  jobs.add("fatal", [](const Options&) -> HostResult<JobStart> { return [](EventLoop&) { return exit_at_once(); }; });
  jobs.add("block",
           [this](const Options&) -> HostResult<JobStart> { return [this](EventLoop&) { return hold(gate); }; });
  jobs.add("forever",
           [](const Options&) -> HostResult<JobStart> { return [](EventLoop& loop) { return wait_for_ever(loop); }; });
  jobs.add("stubborn", [](const Options&) -> HostResult<JobStart> {
    return [](EventLoop& loop) { return never_cancelled(loop); };
  });
  jobs.add("left", [this](const Options&) -> HostResult<JobStart> {
    return [this](EventLoop& loop) { return leave_callback(loop, gate); };
  });
  return jobs;
}

std::string GreeterTest::greet_on(std::vector<std::string> loops, const std::string& address) {
  const auto added = host->add_workload({.name = "web", .loops = std::move(loops), .listeners = {{.address = address}}},
                                        make_greeter(doings));
  EXPECT_TRUE(added) << added.error().message;
  return host->workloads().at(0).listeners.at(0);
}

evloop::UniqueFd GreeterTest::keep_one_on(const std::string& loop) {
  doings->keeps_connections = true;
  run(loop);
  auto client = connect_to(greet_on({loop}));
  EXPECT_TRUE(eventually([&] { return get(loop).connections == 1; }));
  return client;
}

bool condition(const LoopSnapshot& loop, const std::string& type) {
  for (const auto& condition : loop.conditions)
    if (condition.type == type) return condition.status;
  ADD_FAILURE() << "no condition " << type;
  return false;
}

}  // namespace evloopd::host::testing
