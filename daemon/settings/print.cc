#include "settings/print.h"

#include <fmt/format.h>

#include "settings/quoted.h"
#include "settings/units.h"
#include "settings/words.h"

namespace evloopd::settings {
namespace {

class Printer {
 public:
  explicit Printer(const Settings& settings) : settings_(settings) {}

  std::string print() {
    line("version: 1");
    print_daemon();
    line("loops:");
    for (const auto& loop : settings_.loops) print_loop(loop);
    if (settings_.workloads.empty()) line("workloads: []");
    if (!settings_.workloads.empty()) line("workloads:");
    for (std::size_t i = 0; i < settings_.workloads.size(); ++i) print_workload(i);
    print_control();
    line("metrics:");
    line("  enabled: {}", settings_.metrics.enabled);
    line("  address: {}", free_text(settings_.metrics.address));
    line("log:");
    line("  level: {}", word_of(log_level_words, settings_.log.level));
    line("  format: {}", word_of(log_format_words, settings_.log.format));
    return std::move(out_);
  }

 private:
  template <class... Arguments>
  void line(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    out_ += fmt::format(format, std::forward<Arguments>(arguments)...) + '\n';
  }

  void print_daemon() {
    const auto& [lame_duck, drain] = settings_.daemon.shutdown;
    line("daemon:");
    line("  name: {}", free_text(settings_.daemon.name));
    line("  exec_checks: {}", settings_.daemon.exec_checks);
    line("  exec_workloads: {}", settings_.daemon.exec_workloads);
    line("  shutdown: {{lame_duck: {}, drain: {}}}", format_duration(lame_duck), format_duration(drain));
  }

  void print_loop(const host::LoopOptions& loop) {
    line("  - names: {}", free_text(loop.name));
    line("    count: 1");
    line("    selector: {}", word_of(selector_words, loop.selector));
    line("    stall: {{warn: {}, critical: {}}}", format_duration(loop.stall_warn),
         format_duration(loop.stall_critical));
    line("    drain: {{timeout: {}}}", format_duration(loop.drain_timeout));
    if (loop.labels.empty()) line("    labels: {{}}");
    if (!loop.labels.empty()) line("    labels:");
    for (const auto& [name, value] : loop.labels) line("      {}: {}", in_quotes(name), free_text(value));
  }

  void print_workload(std::size_t index) {
    const auto& [options, kind] = settings_.workloads[index];
    line("  - name: {}", free_text(options.name));
    line("    kind: {}", kind->kind());
    line("    loops: [{}]", fmt::join(options.loops, ", "));
    // Who does not listen has no such keys.
    if (!options.listeners.empty()) {
      line("    listen:");
      for (const auto& [address, limits] : options.listeners) {
        line("      - address: {}", free_text(address));
        if (limits == host::ListenerLimits{}) continue;
        line("        max_connections: {}", limits.max_connections);
        line("        accept_rate: {}", limits.accept_rate);
      }
      if (options.listens == host::Listens::streams) line("    backlog: {}", options.backlog);
    }
    const Hidden hidden(settings_.hidden, fmt::format("workloads[{}]", index));
    for (const auto& each : kind->print(hidden)) line("    {}", each);
  }

  void print_control() {
    line("control:");
    print_socket("observe", settings_.control.observe);
    print_socket("admin", settings_.control.admin);
  }

  void print_socket(std::string_view key, const ControlSocket& socket) {
    line("  {}:", key);
    line("    socket: {}", free_text(socket.socket));
    line("    mode: \"{:04o}\"", socket.mode);
    line("    group: {}", free_text(socket.group));
  }

  const Settings& settings_;
  std::string out_;
};

}  // namespace

std::string Hidden::text(std::string_view value, std::string_view key) const {
  const auto found = expressions_.find(fmt::format("{}.{}", path_, key));
  return found == expressions_.end() ? free_text(value) : in_quotes(found->second);
}

std::string print_config(const Settings& settings) { return Printer(settings).print(); }

}  // namespace evloopd::settings
