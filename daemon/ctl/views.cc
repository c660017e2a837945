#include "ctl/views.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include "ctl/faults.h"
#include "ctl/format.h"

namespace evloopd::ctl {
namespace {

Color color_of(v1::LoopState state) {
  switch (state) {
    case v1::LOOP_STATE_RUNNING: return Color::green;
    case v1::LOOP_STATE_FAILED:
    case v1::LOOP_STATE_QUARANTINED: return Color::red;
    case v1::LOOP_STATE_STARTING:
    case v1::LOOP_STATE_DRAINING:
    case v1::LOOP_STATE_STOPPING:
    case v1::LOOP_STATE_CLOSING: return Color::yellow;
    default: return Color::none;
  }
}

bool is_ready(const v1::Loop& loop) { return loop.state() == v1::LOOP_STATE_RUNNING && !loop.stalled(); }

// For how long it has been inside one callback; "-" while it is not stalled.
std::string stall(const v1::Loop& loop) {
  if (!loop.stalled()) return "-";
  return loop.has_current_callback() ? format_time(to_nanos(loop.current_callback().elapsed())) : "yes";
}

std::string uptime(const v1::Loop& loop) {
  if (!loop.asyncio().is_running() || !loop.has_start_time()) return "-";
  return format_age(between(loop.start_time(), loop.snapshot_time()));
}

std::string percentile(const v1::Histogram& histogram, double q) {
  const auto seconds = quantile(histogram, q);
  if (!seconds) return "-";
  if (std::isinf(*seconds)) {
    const auto last = histogram.bounds_size() == 0 ? 0.0 : histogram.bounds(histogram.bounds_size() - 1);
    return ">" + format_time(std::chrono::nanoseconds(static_cast<std::int64_t>(last * 1e9)));
  }
  return format_time(std::chrono::nanoseconds(static_cast<std::int64_t>(*seconds * 1e9)));
}

template <class Map>
std::string join_map(const Map& map) {
  const std::map<std::string, std::string> sorted(map.begin(), map.end());
  std::string text;
  for (const auto& [key, value] : sorted) text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value);
  return text.empty() ? "-" : text;
}

std::string task_state(const v1::Task& task) {
  constexpr std::string_view prefix = "TASK_STATE_";
  const auto& name = v1::TaskState_Name(task.state());
  return name.starts_with(prefix) ? name.substr(prefix.size()) : "UNKNOWN";
}

std::string upstream_state(v1::UpstreamState state) {
  constexpr std::string_view prefix = "UPSTREAM_STATE_";
  const auto& name = v1::UpstreamState_Name(state);
  return name.starts_with(prefix) ? name.substr(prefix.size()) : "UNKNOWN";
}

Color color_of(v1::UpstreamState state) {
  switch (state) {
    case v1::UPSTREAM_STATE_UP: return Color::green;
    case v1::UPSTREAM_STATE_DOWN:
    case v1::UPSTREAM_STATE_EJECTED: return Color::red;
    default: return Color::yellow;
  }
}

// "1/2": the addresses that are up, of all; "-" of a workload that has no upstreams.
std::string upstreams_up(const v1::Workload& workload) {
  if (!workload.has_upstreams()) return "-";
  int up = 0, all = 0;
  for (const auto& upstream : workload.upstreams().upstreams())
    for (const auto& endpoint : upstream.endpoints()) {
      ++all;
      up += endpoint.state() == v1::UPSTREAM_STATE_UP ? 1 : 0;
    }
  return fmt::format("{}/{}", up, all);
}

std::string loops_of(const v1::Workload& workload) {
  std::vector<std::string> loops;
  for (const auto& loop : workload.loops()) loops.push_back(short_name(loop));
  return fmt::format("{}", fmt::join(loops, ","));
}

std::string listeners_of(const v1::Workload& workload) {
  return workload.listeners().empty() ? "-" : fmt::format("{}", fmt::join(workload.listeners(), ","));
}

// "12 of 100 open, at most 200 a second; clients wait"; empty if it has no limits.
std::string limits_of(const v1::ListenerState& listener) {
  std::vector<std::string> limits;
  if (listener.max_connections() > 0)
    limits.push_back(fmt::format("{} of {} open", listener.connections_open(), listener.max_connections()));
  if (listener.accept_rate() > 0) limits.push_back(fmt::format("at most {} a second", listener.accept_rate()));
  if (limits.empty()) return {};
  return fmt::format("{}{}", fmt::join(limits, ", "), listener.waiting() ? "; clients wait" : "");
}

// Where a task is: its innermost await, or where it was made if it has not begun.
std::string whereabouts(const v1::Task& task) {
  return format_site(task.frames().empty() ? task.created_at() : *task.frames().rbegin());
}

std::string waiting_on(const v1::Task& task) {
  if (task.waiting_on().empty()) return "-";
  return task.waiting_on_id() == 0 ? task.waiting_on() : fmt::format("{} {}", task.waiting_on(), task.waiting_on_id());
}

// "Key:       value" lines.
class Sheet {
 public:
  void line(const std::string& key, const std::string& value) {
    fmt::format_to(std::back_inserter(text_), "{:<15}{}\n", key + ":", printable(value));
  }
  // The value may have several lines.
  void lines(const std::string& key, std::string_view value) {
    const auto end = std::min(value.find('\n'), value.size());
    line(key, std::string(value.substr(0, end)));
    for (auto rest = value.substr(end); !rest.empty();) {
      rest.remove_prefix(1);
      const auto length = std::min(rest.find('\n'), rest.size());
      more(std::string(rest.substr(0, length)));
      rest.remove_prefix(length);
    }
  }
  void more(const std::string& value) { fmt::format_to(std::back_inserter(text_), "{:<15}{}\n", "", printable(value)); }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void describe_conditions(const v1::Loop& loop, Sheet& sheet) {
  for (const auto& condition : loop.conditions())
    sheet.line(condition.type(), fmt::format("{}{}, for {}", condition.status() ? "yes" : "no",
                                             condition.reason().empty() ? "" : " (" + condition.reason() + ")",
                                             format_age(between(condition.since(), loop.snapshot_time()))));
}

void describe_current(const v1::Loop& loop, Sheet& sheet) {
  if (!loop.has_current_callback()) {
    sheet.line("Executes", loop.asyncio().is_running() ? "nothing, it sleeps" : "nothing");
    return;
  }
  const auto& current = loop.current_callback();
  auto what = current.kind();
  if (current.task_id() != 0) what += fmt::format(" {} \"{}\"", current.task_id(), current.task_name());
  sheet.line("Executes", fmt::format("{} for {}{}", what, format_time(to_nanos(current.elapsed())),
                                     loop.stalled() ? "  STALLED" : ""));
  sheet.more("at " + format_site(current.site()));
}

void describe_upstreams(const v1::UpstreamPool& pool, Sheet& sheet) {
  sheet.line("Queue", fmt::format("{} wait; {} were refused, {} waited too long", pool.queue_length(),
                                  pool.queue_full(), pool.queue_timeouts()));
  if (pool.retries_denied() > 0) sheet.line("Retries", fmt::format("{} denied", pool.retries_denied()));
  for (const auto& upstream : pool.upstreams()) {
    sheet.line("Upstream", fmt::format("{}, weight {}{}", upstream.name(), upstream.weight(),
                                       upstream.backup() ? ", a backup" : ""));
    sheet.more(fmt::format("{} open; {} in all, {} failed, {} retries, {} ejections; connect p50 {}  p99 {}",
                           upstream.connections_open(), upstream.connections_total(), upstream.connects_failed(),
                           upstream.retries(), upstream.ejections(), percentile(upstream.connect_time(), 0.5),
                           percentile(upstream.connect_time(), 0.99)));
    if (upstream.checks_passed() + upstream.checks_failed() > 0)
      sheet.more(fmt::format("checks: {} passed, {} failed", upstream.checks_passed(), upstream.checks_failed()));
    for (const auto& endpoint : upstream.endpoints()) {
      sheet.more(fmt::format("{} {}, {} open", endpoint.address(), upstream_state(endpoint.state()),
                             endpoint.connections_open()));
      for (const auto& change : endpoint.history())
        sheet.more(fmt::format("  {} {}: {}", format_timestamp(change.time()), upstream_state(change.state()),
                               change.reason()));
    }
  }
}

void describe_faults(const v1::Workload& workload, Sheet& sheet) {
  const auto lines = fault_lines(workload);
  sheet.line("Faults", lines.front());
  for (std::size_t i = 1; i < lines.size(); ++i) sheet.more(lines[i]);
}

}  // namespace

Table loops_table(const std::vector<v1::Loop>& loops, bool wide) {
  constexpr auto right = Align::right;
  std::vector<Column> columns{{"NAME"},         {"STATE"},        {"WANT"},         {"READY"},
                              {"UTIL", right},  {"TASKS", right}, {"QUEUE", right}, {"CALLBACK-P99", right},
                              {"STALL", right}, {"CONNS", right}, {"UP", right},    {"RESTARTS", right}};
  if (wide)
    columns.insert(columns.end(), {{"TIMER-LATE-P99", right},
                                   {"TIMERS", right},
                                   {"WATCHERS", right},
                                   {"STALLS", right},
                                   {"CPU", right},
                                   {"TID", right},
                                   {"UID"},
                                   {"LABELS"}});
  Table table(std::move(columns));
  for (const auto& loop : loops) {
    const auto& counters = loop.counters();
    std::vector<Cell> row{short_name(loop.name()),
                          {state_word(loop.state()), color_of(loop.state())},
                          state_word(loop.desired_state()),
                          is_ready(loop) ? "yes" : "no",
                          fmt::format("{:.2f}", loop.utilisation().last_1s()),
                          std::to_string(counters.tasks_live()),
                          std::to_string(counters.ready_length()),
                          percentile(loop.histograms().callback(), 0.99),
                          {stall(loop), loop.stalled() ? Color::red : Color::none},
                          std::to_string(loop.connection_count()),
                          uptime(loop),
                          std::to_string(loop.restart_count())};
    if (wide) {
      row.emplace_back(percentile(loop.histograms().timer_lateness(), 0.99));
      row.emplace_back(std::to_string(counters.timers_live()));
      row.emplace_back(std::to_string(counters.watchers()));
      row.emplace_back(std::to_string(loop.stall_count()));
      row.emplace_back(format_time(to_nanos(loop.thread().cpu_time())));
      row.emplace_back(std::to_string(loop.thread().id()));
      row.emplace_back(loop.uid());
      row.emplace_back(join_map(loop.labels()));
    }
    table.add(std::move(row));
  }
  return table;
}

Table tasks_table(const std::vector<LoopTask>& tasks, bool wide) {
  constexpr auto right = Align::right;
  std::vector<Column> columns{{"LOOP"},       {"ID", right}, {"NAME"},         {"STATE"},
                              {"FOR", right}, {"WAITS-FOR"}, {"STEPS", right}, {"AT"}};
  if (wide)
    columns.insert(
        columns.end(),
        {{"COROUTINE"}, {"CREATED-AT"}, {"PARENT", right}, {"RUN", right}, {"LONGEST", right}, {"CANCELS", right}});
  Table table(std::move(columns));
  for (const auto& [loop, task] : tasks) {
    std::vector<Cell> row{loop,
                          std::to_string(task.id()),
                          task.display_name(),
                          task_state(task),
                          format_time(to_nanos(task.time_in_state())),
                          waiting_on(task),
                          std::to_string(task.steps()),
                          whereabouts(task)};
    if (wide) {
      row.emplace_back(task.coroutine().empty() ? "-" : task.coroutine());
      row.emplace_back(format_site(task.created_at()));
      row.emplace_back(task.parent_id() == 0 ? "-" : std::to_string(task.parent_id()));
      row.emplace_back(format_time(to_nanos(task.run_time())));
      row.emplace_back(format_time(to_nanos(task.longest_step())));
      row.emplace_back(std::to_string(task.cancel_requests()));
    }
    table.add(std::move(row));
  }
  return table;
}

Table workloads_table(const std::vector<v1::Workload>& workloads, bool wide) {
  constexpr auto right = Align::right;
  std::vector<Column> columns{{"NAME"},        {"KIND"},         {"LOOPS"},         {"LISTENS-ON"},
                              {"OPEN", right}, {"TOTAL", right}, {"FAILED", right}, {"UPSTREAMS", right}};
  if (wide) columns.insert(columns.end(), {{"IN", right}, {"OUT", right}});
  Table table(std::move(columns));
  for (const auto& workload : workloads) {
    std::vector<Cell> row{short_name(workload.name()),
                          workload.kind(),
                          loops_of(workload),
                          listeners_of(workload),
                          std::to_string(workload.connections_open()),
                          std::to_string(workload.connections_total()),
                          std::to_string(workload.connections_failed()),
                          upstreams_up(workload)};
    if (wide) {
      row.emplace_back(format_bytes(workload.bytes_in()));
      row.emplace_back(format_bytes(workload.bytes_out()));
    }
    table.add(std::move(row));
  }
  return table;
}

Table upstreams_table(const v1::Workload& workload, bool wide) {
  constexpr auto right = Align::right;
  std::vector<Column> columns{{"UPSTREAM"},     {"ADDRESS"},       {"STATE"},
                              {"FOR", right},   {"WEIGHT", right}, {"OPEN", right},
                              {"TOTAL", right}, {"FAILED", right}, {"CONNECT-P99", right}};
  if (wide)
    columns.insert(columns.end(),
                   {{"BACKUP"}, {"RETRIES", right}, {"EJECTED", right}, {"CHECKS-OK", right}, {"CHECKS-BAD", right}});
  columns.push_back({"WHY"});
  Table table(std::move(columns));
  const auto add = [&](const v1::Upstream& upstream, const v1::UpstreamEndpoint& endpoint) {
    const auto* latest = endpoint.history().empty() ? nullptr : &*endpoint.history().rbegin();
    std::vector<Cell> row{
        upstream.name(),
        endpoint.address().empty() ? "-" : endpoint.address(),
        endpoint.address().empty() ? Cell("-") : Cell(upstream_state(endpoint.state()), color_of(endpoint.state())),
        latest ? format_age(between(latest->time(), workload.snapshot_time())) : "-",
        std::to_string(upstream.weight()),
        std::to_string(endpoint.connections_open()),
        std::to_string(upstream.connections_total()),
        std::to_string(upstream.connects_failed()),
        percentile(upstream.connect_time(), 0.99)};
    if (wide) {
      row.emplace_back(upstream.backup() ? "yes" : "no");
      row.emplace_back(std::to_string(upstream.retries()));
      row.emplace_back(std::to_string(upstream.ejections()));
      row.emplace_back(std::to_string(upstream.checks_passed()));
      row.emplace_back(std::to_string(upstream.checks_failed()));
    }
    row.emplace_back(latest ? latest->reason() : "-");
    table.add(std::move(row));
  };
  for (const auto& upstream : workload.upstreams().upstreams()) {
    for (const auto& endpoint : upstream.endpoints()) add(upstream, endpoint);
    if (upstream.endpoints().empty()) add(upstream, {});  // a name without an answer
  }
  return table;
}

namespace {

std::string counted(std::uint64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

std::string drain_line(const v1::WorkloadDrainProgress& progress) {
  const auto what = [&]() -> std::string {
    switch (progress.outcome()) {
      case v1::WORKLOAD_DRAIN_OUTCOME_DRAINED: return "drained";
      case v1::WORKLOAD_DRAIN_OUTCOME_TIMEOUT:
        return "drained, " + counted(progress.connections_cut(), "connection") + " cut as the time was over";
      default: break;
    }
    std::vector<std::string> loops;
    for (const auto& loop : progress.loops())
      if (loop.connections_left() > 0)
        loops.push_back(fmt::format("{} on {}", loop.connections_left(), short_name(loop.loop())));
    auto left = counted(progress.connections_left(), "connection") + " left";
    if (!loops.empty()) left += fmt::format(" ({})", fmt::join(loops, ", "));
    if (progress.connections_cut() > 0) return left + ", cutting";
    return left + ", cut in " + format_age(between(progress.snapshot_time(), progress.deadline()));
  }();
  return fmt::format("{}  {}", short_name(progress.name()), what);
}

std::string drain_line(const v1::DrainProgress& progress) {
  const auto left =
      counted(progress.connections_left(), "connection") + " and " + counted(progress.tasks_left(), "task") + " left";
  const auto what = [&] {
    switch (progress.outcome()) {
      case v1::DRAIN_OUTCOME_DRAINED: return std::string("drained");
      case v1::DRAIN_OUTCOME_TIMEOUT:
        return "drained, " + counted(progress.connections_cut(), "connection") + " cut as the time was over";
      case v1::DRAIN_OUTCOME_STOPPED: return "stopped before it was drained, " + left;
      case v1::DRAIN_OUTCOME_STARTED: return "started again, " + left;
      default: break;
    }
    if (progress.stage() != v1::DRAIN_STAGE_WAITING || !progress.has_deadline()) return left;
    return left + ", cut in " + format_age(between(progress.snapshot_time(), progress.deadline()));
  }();
  return fmt::format("{}  {:<8}  {}", short_name(progress.name()), state_word(progress.state()), what);
}

std::string describe(const v1::Loop& loop) {
  const auto& counters = loop.counters();
  const auto& asyncio = loop.asyncio();
  Sheet sheet;
  sheet.line("Name", short_name(loop.name()));
  sheet.line("Uid", loop.uid());
  sheet.line("Labels", join_map(loop.labels()));
  sheet.line("State", fmt::format("{}, wanted {}", state_word(loop.state()), state_word(loop.desired_state())));
  sheet.line("asyncio", fmt::format("is_running={} is_closed={} stop_pending={}", asyncio.is_running(),
                                    asyncio.is_closed(), asyncio.stop_pending()));
  describe_conditions(loop, sheet);
  describe_current(loop, sheet);
  sheet.line("Created", format_timestamp(loop.create_time()));
  if (loop.has_start_time()) sheet.line("Started", format_timestamp(loop.start_time()));
  sheet.line("Thread", fmt::format("{} \"{}\", CPU {}, waited for a CPU {}", loop.thread().id(), loop.thread().name(),
                                   format_time(to_nanos(loop.thread().cpu_time())),
                                   format_time(to_nanos(loop.thread().run_queue_wait()))));
  sheet.line("Utilisation", fmt::format("{:.2f} (1 s)  {:.2f} (10 s)  {:.2f} (1 min)", loop.utilisation().last_1s(),
                                        loop.utilisation().last_10s(), loop.utilisation().last_60s()));
  sheet.line("Tasks", fmt::format("{} live; {} created, {} finished, {} failed, {} cancelled", counters.tasks_live(),
                                  counters.tasks_created(), counters.tasks_finished(), counters.tasks_failed(),
                                  counters.tasks_cancelled()));
  sheet.line("Queue", fmt::format("{} ready, {} from other threads; {} callbacks in {} turns", counters.ready_length(),
                                  counters.threadsafe_queue(), counters.callbacks(), counters.iterations()));
  sheet.line("Timers", fmt::format("{} live, {} cancelled, {} fired", counters.timers_live(),
                                   counters.timers_cancelled(), counters.timers_fired()));
  sheet.line("Descriptors", fmt::format("{} watched, {} events", counters.watchers(), counters.events()));
  sheet.line("Threadsafe", fmt::format("{} calls, {} wake-ups", counters.threadsafe_calls(), counters.wakeups()));
  sheet.line("Connections", std::to_string(loop.connection_count()));
  const auto times = [&](const char* key, const v1::Histogram& histogram) {
    sheet.line(key, fmt::format("p50 {}  p99 {}  p99.9 {}", percentile(histogram, 0.5), percentile(histogram, 0.99),
                                percentile(histogram, 0.999)));
  };
  times("Callbacks", loop.histograms().callback());
  times("Turns", loop.histograms().iteration());
  times("Timers late", loop.histograms().timer_lateness());
  sheet.line("Stalls", std::to_string(loop.stall_count()));
  sheet.line("Exceptions", std::to_string(counters.exceptions()));
  sheet.line("Restarts", std::to_string(loop.restart_count()));
  if (!loop.last_error().empty()) sheet.line("Last error", loop.last_error());
  return sheet.take();
}

std::string describe(const v1::Workload& workload) {
  Sheet sheet;
  sheet.line("Name", short_name(workload.name()));
  sheet.line("Kind", workload.kind());
  sheet.line("Loops", loops_of(workload));
  sheet.line("Listens on", listeners_of(workload));
  for (const auto& listener : workload.listener_states())
    if (const auto limits = limits_of(listener); !limits.empty()) sheet.more(listener.address() + ": " + limits);
  sheet.line("Connections", fmt::format("{} open; {} in all, {} failed", workload.connections_open(),
                                        workload.connections_total(), workload.connections_failed()));
  sheet.line("Bytes",
             fmt::format("{} in, {} out", format_bytes(workload.bytes_in()), format_bytes(workload.bytes_out())));
  std::vector<std::string> ends;
  for (const auto& each : workload.ends())
    if (each.count() > 0) ends.push_back(fmt::format("{} {}", each.count(), each.reason()));
  if (!ends.empty()) sheet.line("Ended", fmt::format("{}", fmt::join(ends, ", ")));
  if (workload.dropped_log_lines() > 0)
    sheet.line("Log", fmt::format("{} lines dropped", workload.dropped_log_lines()));
  for (const auto& fact : workload.facts()) sheet.lines(fact.name(), fact.value());
  if (workload.has_upstreams()) describe_upstreams(workload.upstreams(), sheet);
  if (workload.has_faults()) describe_faults(workload, sheet);
  return sheet.take();
}

std::string describe(const v1::Daemon& daemon, const std::vector<v1::Loop>& loops) {
  std::map<std::string, int> by_state;
  std::vector<std::string> stalled;
  for (const auto& loop : loops) {
    ++by_state[state_word(loop.state())];
    if (loop.stalled()) stalled.push_back(short_name(loop.name()));
  }
  std::string states;
  for (const auto& [state, count] : by_state)
    states += fmt::format("{}{} {}", states.empty() ? " (" : ", ", count, state);
  if (!states.empty()) states += ')';

  Sheet sheet;
  sheet.line("Name", daemon.name());
  sheet.line("Version", daemon.version());
  sheet.line("Process", std::to_string(daemon.pid()));
  sheet.line("Started", format_timestamp(daemon.start_time()));
  sheet.line("Configuration", daemon.config_path().empty() ? "-" : daemon.config_path());
  sheet.line("Loops", fmt::format("{}{}", daemon.loop_count(), states));
  if (!stalled.empty()) sheet.line("Stalled", fmt::format("{}", fmt::join(stalled, ", ")));
  sheet.line("Workloads", std::to_string(daemon.workload_count()));
  sheet.line("Jobs", fmt::format("{}", fmt::join(daemon.job_kinds(), ", ")));
  sheet.line("Descriptors", fmt::format("at most {}", daemon.fd_limit()));
  return sheet.take();
}

}  // namespace evloopd::ctl
