#include "app/daemon.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "app/log.h"
#include "app/process_signals.h"
#include "app/service_manager.h"
#include "control/control_server.h"
#include "host/jobs.h"
#include "host/loop_host.h"
#include "metrics/metrics_server.h"
#include "settings/workload_spec.h"

namespace evloopd::app {
namespace {

using namespace std::chrono_literals;

constexpr auto start_timeout = 10s;    // for one loop to run
constexpr auto control_grace = 500ms;  // for calls that are being answered at the end

host::JobCatalogue standard_jobs() {
  host::JobCatalogue jobs;
  host::add_standard_jobs(jobs);
  return jobs;
}

// As many descriptors as the system lets us have: two for each proxied connection.
std::uint64_t raise_fd_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur;
}

std::string describe(const std::vector<settings::Problem>& problems) {
  std::string text;
  for (const auto& problem : problems) text += (text.empty() ? "" : "\n") + settings::to_string(problem);
  return text;
}

// All workloads of a spec are made before one of them is applied: certificates are read, and files opened.
host::HostResult<std::vector<control::WorkloadPlan>> plan_workloads(const std::string& spec,
                                                                    const settings::SpecContext& context,
                                                                    const settings::Kinds& kinds) {
  const auto loaded = settings::load_workloads("spec", spec, context, settings::Environment::current(), kinds);
  if (!loaded)
    return std::unexpected(host::HostError{.reason = host::Reason::config_invalid,
                                           .message = describe(loaded.error()),
                                           .metadata = {{"field", loaded.error().front().path}}});
  std::vector<control::WorkloadPlan> plans;
  for (const auto& workload : *loaded) {
    try {
      plans.push_back({.options = workload.options, .workload = workload.kind->make()});
    } catch (const std::exception& error) {
      return std::unexpected(host::HostError{.reason = host::Reason::config_invalid,
                                             .message = "workload " + workload.options.name + ": " + error.what(),
                                             .metadata = {{"workload", workload.options.name}}});
    }
  }
  return plans;
}

control::WorkloadSource workload_source(const host::LoopHost& host, const settings::Settings& settings,
                                        const std::string& config_path, const settings::Kinds& kinds) {
  return [&host, &kinds,
          context = settings::SpecContext{.loops = {},
                                          .loop_groups = settings.loop_groups,
                                          .exec_checks = settings.daemon.exec_checks,
                                          .exec_workloads = settings.daemon.exec_workloads,
                                          .directory = std::filesystem::path(config_path).parent_path().string()}](
             const std::string& spec) {
    auto now = context;
    for (const auto& loop : host.list())
      if (!loop.replaced) now.loops.push_back(loop.name);
    return plan_workloads(spec, now, kinds);
  };
}

control::ControlOptions control_options(const settings::Settings& settings, const control::DaemonInfo& info,
                                        const host::LoopHost& host, const settings::Kinds& kinds) {
  control::ControlOptions options;
  options.observe_socket = settings.control.observe.socket;
  options.observe_mode = settings.control.observe.mode;
  options.observe_group = settings.control.observe.group;
  options.admin_socket = settings.control.admin.socket;
  options.admin_mode = settings.control.admin.mode;
  options.admin_group = settings.control.admin.group;
  options.workload_source = workload_source(host, settings, info.config_path, kinds);
  return options;
}

template <class T>
T must(host::HostResult<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void log_audit(const control::AuditRecord& record) {
  log_info("control call", {{"method", record.method},
                            {"resource", record.resource},
                            {"role", control::role_name(record.role)},
                            {"peer", record.peer},
                            {"outcome", record.outcome},
                            {"why", record.message},
                            {"seconds", std::chrono::duration<double>(record.duration).count()}});
}

void log_state(const host::LoopSnapshot& loop) {
  const auto state = host::state_name(loop.state);
  if (loop.state == host::LoopState::failed || loop.state == host::LoopState::quarantined) {
    log_error("loop changed", {{"loop", loop.name}, {"state", state}, {"why", loop.last_error}});
  } else {
    log_info("loop changed", {{"loop", loop.name}, {"state", state}});
  }
}

}  // namespace

// What runs, in the order of starting.
class Daemon::Parts {
 public:
  Parts(const settings::Settings& settings, const control::DaemonInfo& info, const settings::Kinds& kinds)
      : host(standard_jobs()), control(host, info, control_options(settings, info, host, kinds), log_audit) {
    host.on_state_change([this](const host::LoopSnapshot& loop) {
      log_state(loop);
      control.loop_changed(loop);
    });
  }
  // The host goes last, and must not tell a control server that is gone of its loops' end.
  ~Parts() { host.on_state_change(nullptr); }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  std::atomic<bool> ready{false};  // as /readyz tells it
  host::LoopHost host;
  std::unique_ptr<metrics::MetricsServer> metrics;  // none: switched off
  control::ControlServer control;
};

Daemon::Daemon(settings::Settings settings, std::string config_path, settings::Kinds kinds)
    : settings_(std::move(settings)), config_path_(std::move(config_path)), kinds_(std::move(kinds)) {}

Daemon::~Daemon() = default;

int Daemon::run(ProcessSignals& signals) {
  start();
  serve(signals);
  stop(signals);
  return at_rest_ ? 0 : 70;
}

void Daemon::start() {
  control::DaemonInfo info;
  info.name = settings_.daemon.name;
  info.version = EVLOOPD_VERSION;
  info.pid = ::getpid();
  info.start_time = std::chrono::system_clock::now();
  info.config_path = config_path_;
  info.fd_limit = raise_fd_limit();
  log_info("starting",
           {{"version", EVLOOPD_VERSION}, {"pid", info.pid}, {"config", config_path_}, {"descriptors", info.fd_limit}});
  if (settings_.daemon.exec_workloads)
    log_warning(
        "daemon.exec_workloads is true: workloads of the kind exec run programs, with all that this daemon's user may "
        "do and in no sandbox; who may apply workloads may run anything",
        {{"uid", static_cast<std::int64_t>(::getuid())}});

  parts_ = std::make_unique<Parts>(settings_, info, kinds_);
  auto& host = parts_->host;
  for (const auto& loop : settings_.loops) must(host.create(loop));
  for (const auto& workload : settings_.workloads) must(host.add_workload(workload.options, workload.kind->make()));
  for (const auto& loop : settings_.loops)
    must(host.start(loop.name, host::LoopHost::Deadline::clock::now() + start_timeout));
  for (const auto& workload : host.workloads())
    for (const auto& address : workload.listeners)
      log_info("listening", {{"workload", workload.name}, {"kind", workload.kind}, {"address", address}});

  if (settings_.metrics.enabled) {
    const metrics::MetricsOptions options{.address = settings_.metrics.address, .version = EVLOOPD_VERSION};
    parts_->metrics =
        std::make_unique<metrics::MetricsServer>(host, options, [&ready = parts_->ready] { return ready.load(); });
    log_info("metrics", {{"url", fmt::format("http://{}/metrics", parts_->metrics->address())}});
  }
  parts_->control.start();
  log_info("control", {{"observe", settings_.control.observe.socket}, {"admin", settings_.control.admin.socket}});
  parts_->ready = true;
  log_info("ready", {{"loops", settings_.loops.size()}, {"workloads", settings_.workloads.size()}});
  service_manager::ready(fmt::format("{} loops, {} workloads", settings_.loops.size(), settings_.workloads.size()));
}

void Daemon::serve(ProcessSignals& signals) {
  for (;;) {
    const auto signal = signals.next(std::nullopt);
    if (signal != SIGHUP) {
      log_info("stopping", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
      return;
    }
    log_warning("SIGHUP does nothing: the configuration is read at the start only");
  }
}

void Daemon::stop(ProcessSignals& signals) {
  const auto& times = settings_.daemon.shutdown;
  service_manager::stopping("draining", times.lame_duck + times.drain);
  parts_->ready = false;
  parts_->control.set_serving(false);

  // A further signal means: now.
  bool hurry = false;
  const auto hurried = [&] {
    if (!hurry && signals.next(0ns).value_or(SIGHUP) != SIGHUP) {
      hurry = true;
      log_warning("a further signal: not waiting any longer");
    }
    return hurry;
  };
  using Clock = std::chrono::steady_clock;
  for (const auto end = Clock::now() + times.lame_duck; !hurry && Clock::now() < end;)
    hurry = signals.next(end - Clock::now()).value_or(SIGHUP) != SIGHUP;

  const auto unfinished = parts_->host.shutdown(times.drain, hurried);
  for (const auto& loop : unfinished) {
    at_rest_ = false;
    log_error("loop does not come to rest and is left behind", {{"loop", loop}});
  }
  for (const auto& call : parts_->control.stop(control_grace)) {
    at_rest_ = false;
    log_error("call is still held up", {{"call", call}});
  }
  parts_->metrics.reset();
  log_info("stopped", {{"at_rest", at_rest_}});
}

}  // namespace evloopd::app
