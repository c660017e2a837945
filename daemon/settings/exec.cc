#include "settings/exec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <string_view>

#include "settings/check.h"
#include "settings/names.h"
#include "settings/quoted.h"
#include "settings/text.h"
#include "settings/units.h"
#include "settings/words.h"

namespace evloopd::settings {
namespace {

using namespace std::chrono_literals;
using workloads::ExecMode;
using workloads::ExecProgramOptions;

constexpr std::size_t max_programs = 64;
constexpr std::size_t max_arguments = 256;
constexpr auto year = std::chrono::hours(24 * 365);

bool has_nul(std::string_view text) { return text.find('\0') != text.npos; }

bool is_variable(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// Absolute, or a name alone: what a relative path means depends on who asks.
bool is_program(std::string_view text) {
  return text.starts_with('/') ? !text.ends_with('/') : !text.empty() && text.find('/') == text.npos;
}

class Reader {
 public:
  explicit Reader(const Value& item) : keys_(item.mapping()) {}

  ExecProgramOptions read() {
    read_name();
    read_command();
    read_environment();
    read_directory();
    assign(program_.mode, keys_["mode"].choice_of<ExecMode>(exec_mode_words));
    read_restarts();
    read_schedule();
    assign(program_.stop_signal, keys_["stop_signal"].choice_of<workloads::ExecSignal>(exec_signal_words));
    assign(program_.stop_timeout, keys_["stop_timeout"].duration(0s, 1h));
    assign(program_.log_rate, keys_["log_rate"].integer(0, 10'000));
    keys_.finish();
    return program_;
  }

 private:
  void read_name() {
    const auto name = keys_["name"];
    if (assign(program_.name, name.require("a program has a name, such as worker").text(name_syntax)) &&
        !is_name(program_.name))
      name.refuse(fmt::format("must be {}, got {}", name_syntax, excerpt(program_.name)));
  }

  void read_command() {
    const auto command = keys_["command"];
    for (const auto& item : command.require("write `command: [/usr/bin/worker]`")
                                .list("a list: the program and its arguments", max_arguments)) {
      auto& text = program_.command.emplace_back(item.text("a text").value_or("/"));
      if (has_nul(text)) item.refuse("must have no NUL in it");
      if (program_.command.size() == 1 && item.present() && !is_program(text))
        item.refuse(fmt::format("must be an absolute path, or a name to be looked for in PATH, got {}", excerpt(text)));
    }
    if (command.is_empty_sequence()) command.refuse("is empty; a command is a program and its arguments");
  }

  void read_environment() {
    for (const auto& [name, at_name, value] : keys_["environment"].mapping("a mapping of names to texts").all()) {
      if (!is_variable(name))
        at_name.refuse(
            fmt::format("must be a name of letters, digits and _, beginning with no digit, got {}", excerpt(name)));
      const auto text = value.secret("a text");
      if (text && has_nul(*text)) value.refuse("must have no NUL in it");
      program_.environment[name] = text.value_or("");
    }
  }

  void read_directory() {
    const auto directory = keys_["directory"];
    if (assign(program_.directory, directory.text("an absolute path")) &&
        (!program_.directory.starts_with('/') || has_nul(program_.directory)))
      directory.refuse(fmt::format("must be an absolute path, got {}", excerpt(program_.directory)));
  }

  // A key of some modes only.
  Value key_of(std::string_view key, std::initializer_list<ExecMode> modes) {
    auto value = keys_[key];
    if (value.present() && std::ranges::find(modes, program_.mode) == modes.end())
      value.refuse(fmt::format("is not for a program of the mode {}", word_of(exec_mode_words, program_.mode)));
    return value;
  }

  void read_restarts() {
    const auto key = [&](std::string_view name) { return key_of(name, {ExecMode::supervise}); };
    assign(program_.restart, key("restart").choice_of<workloads::ExecRestart>(exec_restart_words));
    const auto first = key("restart_delay");
    const auto longest = key("restart_delay_max");
    assign(program_.restart_delay, first.duration(10ms, 1h));
    assign(program_.restart_delay_max, longest.duration(10ms, 24h));
    if (program_.restart_delay_max < program_.restart_delay)
      (longest.present() ? longest : first)
          .refuse(fmt::format("must not leave restart_delay_max below restart_delay: {} is less than {}",
                              format_duration(program_.restart_delay_max), format_duration(program_.restart_delay)));
    assign(program_.stable_after, key("stable_after").duration(0s, 24h));
  }

  void read_schedule() {
    const auto interval = key_of("interval", {ExecMode::schedule});
    if (program_.mode == ExecMode::schedule) interval.require("write `interval: 1h`");
    assign(program_.interval, interval.duration(100ms, year));
    assign(program_.timeout, key_of("timeout", {ExecMode::schedule, ExecMode::once}).duration(0s, year));
  }

  Mapping keys_;
  ExecProgramOptions program_;
};

}  // namespace

workloads::ExecOptions read_exec(Mapping& keys, const KindContext& context) {
  workloads::ExecOptions options;
  options.may_exec = context.exec_workloads;
  if (!context.exec_workloads) keys["kind"].refuse("must not be exec: daemon.exec_workloads is false");
  const auto programs = keys["programs"];
  const auto items = programs.require("write `programs: [{name: worker, command: [/usr/bin/worker]}]`")
                         .list("a list of mappings with a name and a command", max_programs);
  if (programs.is_empty_sequence()) programs.refuse("is empty; an exec has at least one program");
  std::map<std::string, int> lines;
  for (const auto& item : items) {
    if (!item.is_mapping()) {
      static_cast<void>(item.mapping());
      continue;
    }
    const auto& program = options.programs.emplace_back(Reader(item).read());
    const auto [known, fresh] = lines.try_emplace(program.name, item.position().line);
    if (!fresh && !program.name.empty())
      item.refuse(fmt::format("{} is taken by the program in line {}", excerpt(program.name), known->second));
  }
  return options;
}

std::vector<std::string> print_exec(const workloads::ExecOptions& options, const Hidden& hidden) {
  std::vector<std::string> lines{"programs:"};
  for (std::size_t i = 0; i < options.programs.size(); ++i) {
    const auto& program = options.programs[i];
    const auto add = [&](std::string_view key, std::string_view value) {
      lines.push_back(fmt::format("    {}: {}", key, value));
    };
    lines.push_back("  - name: " + free_text(program.name));
    add("command", list_of(program.command));
    if (program.environment.empty()) add("environment", "{}");
    if (!program.environment.empty()) lines.emplace_back("    environment:");
    for (const auto& [name, value] : program.environment)
      lines.push_back(fmt::format("      {}: {}", in_quotes(name),
                                  hidden.text(value, fmt::format("programs[{}].environment.{}", i, name))));
    add("directory", free_text(program.directory));
    add("mode", word_of(exec_mode_words, program.mode));
    if (program.mode == ExecMode::supervise) {
      add("restart", word_of(exec_restart_words, program.restart));
      add("restart_delay", format_duration(program.restart_delay));
      add("restart_delay_max", format_duration(program.restart_delay_max));
      add("stable_after", format_duration(program.stable_after));
    } else {
      if (program.mode == ExecMode::schedule) add("interval", format_duration(program.interval));
      add("timeout", format_duration(program.timeout));
    }
    add("stop_signal", word_of(exec_signal_words, program.stop_signal));
    add("stop_timeout", format_duration(program.stop_timeout));
    add("log_rate", std::to_string(program.log_rate));
  }
  return lines;
}

}  // namespace evloopd::settings
