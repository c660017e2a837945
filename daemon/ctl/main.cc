// evloopctl: the command line of the daemon. This file reads the arguments; commands.h does what they say.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "ctl/address.h"
#include "ctl/commands.h"
#include "ctl/completion.h"
#include "ctl/faults.h"
#include "ctl/format.h"
#include "ctl/usage.h"

namespace evloopd::ctl {
namespace {

struct Arguments {
  std::string address;
  Format format = Format::table;
  std::optional<std::chrono::nanoseconds> timeout;
  bool no_color = false;

  std::vector<std::string> names;
  std::string name;
  std::map<std::string, std::string> labels;
  v1::SelectorKind selector = v1::SELECTOR_KIND_UNSPECIFIED;
  bool raw = false;
  bool force = false;
  v1::Job job;
  std::vector<v1::UpstreamTarget> upstreams;
  v1::SetFaultsRequest faults;
  bool sets_faults = false;
  std::string spec;
  bool dry_run = false;
};

constexpr std::chrono::seconds usual_timeout{30};
constexpr std::chrono::hours patience{24};  // with a job, which Ctrl-C cancels, and a drain, which the daemon limits

using Action = std::function<ExitCode(Commands&)>;

void add_global_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--addr", arguments.address,
                 "Where the daemon is: a socket's path or a gRPC target. Else $EVLOOPD_ADDR, else its usual socket");
  add_choice<Format>(app, "-o,--output",
                     {{"table", Format::table}, {"wide", Format::wide}, {"json", Format::json}, {"name", Format::name}},
                     arguments.format, "table, wide, json or name")
      ->type_name("FORMAT");
  app.add_option_function<std::string>(
         "--timeout",
         [&](const std::string& text) {
           arguments.timeout = parse_time(text);
           if (!arguments.timeout)
             throw CLI::ValidationError("--timeout", "must be a time such as 500ms, 5s, 2m or 1h, not '" + text + "'");
         },
         "How long to wait for each answer (30s; a job may take 24h, a drain what its loop allows, 5m at most)")
      ->type_name("TIME");
  app.add_flag("--no-color", arguments.no_color, "Plain text, also on a terminal");
}

struct Command {
  const char* name;
  const char* help;
  const char* examples;
};

CLI::App* add_command(CLI::App& app, const Command& command, Action& chosen, Action action) {
  auto* added = app.add_subcommand(command.name, command.help);
  added->footer(std::string("Examples:\n") + command.examples);
  added->callback([&chosen, action] { chosen = action; });
  return added;
}

void add_looking(CLI::App& app, Arguments& a, Action& chosen) {
  add_command(app,
              {"ls", "The loops",
               "  evloopctl ls\n"
               "  evloopctl ls -o wide\n"
               "  evloopctl ls -o json | jq '.loops[] | select(.stalled).name'"},
              chosen, [](Commands& c) { return c.list_loops(); });
  add_command(app,
              {"describe", "All there is to know of a loop, also of one that is blocked, or of a workload",
               "  evloopctl describe io-0\n"
               "  evloopctl describe io-0 io-1 -o json\n"
               "  evloopctl describe workloads/web"},
              chosen, [&a](Commands& c) { return c.describe(a.names); })
      ->add_option("loop", a.names, "A loop's name, or workloads/NAME")
      ->required();
  add_command(app,
              {"ps", "The tasks of some loops, or of all, and the line in which each waits",
               "  evloopctl ps\n"
               "  evloopctl ps io-0 -o wide"},
              chosen, [&a](Commands& c) { return c.list_tasks(a.names); })
      ->add_option("loop", a.names);
  add_command(app,
              {"workloads", "What the daemon hosts, and where it listens",
               "  evloopctl workloads\n"
               "  evloopctl workloads -o wide\n"
               "  evloopctl describe workloads/web"},
              chosen, [](Commands& c) { return c.list_workloads(); });
  add_command(app, {"status", "The daemon", "  evloopctl status"}, chosen, [](Commands& c) { return c.status(); });
  add_command(app,
              {"health", "Is the daemon, or a loop, serving? Exits 0 if so, 1 if not",
               "  evloopctl health\n"
               "  evloopctl health io-0 && echo io-0 serves"},
              chosen, [&a](Commands& c) { return c.health(a.name); })
      ->add_option("loop", a.name);
  add_command(app, {"version", "Versions of evloopctl and of the daemon", "  evloopctl version"}, chosen,
              [](Commands& c) { return c.version(); });
}

// A command about one loop or several.
void add_for_loops(CLI::App& app, const Command& command, Arguments& a, Action& chosen, Action action) {
  add_command(app, command, chosen, std::move(action))->add_option("loop", a.names)->required();
}

void add_create(CLI::App& app, Arguments& a, Action& chosen) {
  auto* create = add_command(app,
                             {"create", "Make a loop; start runs it",
                              "  evloopctl create batch-0\n"
                              "  evloopctl create batch-0 --selector poll --label team=a --label tier=2"},
                             chosen, [&a](Commands& c) { return c.create(a.name, a.labels, a.selector); });
  create->add_option("loop", a.name)->required();
  add_choice<v1::SelectorKind>(*create, "--selector",
                               {{"epoll", v1::SELECTOR_KIND_EPOLL}, {"poll", v1::SELECTOR_KIND_POLL}}, a.selector,
                               "epoll or poll")
      ->type_name("KIND");
  create
      ->add_option_function<std::vector<std::string>>(
          "--label",
          [&a](const std::vector<std::string>& pairs) {
            for (const auto& pair : pairs) a.labels.insert(split_pair("--label", pair));
          },
          "key=value; may be given again")
      ->allow_extra_args(false);
}

void add_replace(CLI::App& app, Arguments& a, Action& chosen) {
  auto* replace = add_command(app,
                              {"replace", "Put a fresh loop in the place of a stuck one, which goes when it comes free",
                               "  evloopctl replace io-0\n"
                               "  evloopctl replace io-0 --force       though it is not stuck: cuts its connections"},
                              chosen, [&a](Commands& c) { return c.replace(a.name, a.force); });
  replace->add_option("loop", a.name)->required();
  replace->add_flag("--force", a.force, "Also a loop that is not stuck");
}

void add_close(CLI::App& app, Arguments& a, Action& chosen) {
  auto* close = add_command(
      app,
      {"close", "Close loops that do not run, for good",
       "  evloopctl stop batch-0 && evloopctl close batch-0\n"
       "  evloopctl close batch-0 --raw"},
      chosen, [&a](Commands& c) { return c.close(a.names, a.raw ? v1::CLOSE_MODE_RAW : v1::CLOSE_MODE_GRACEFUL); });
  close->add_option("loop", a.names)->required();
  close->add_flag("--raw", a.raw, "asyncio's bare loop.close(): cancel nothing, shut down nothing first");
}

void add_run(CLI::App& app, Arguments& a, Action& chosen) {
  auto* run = add_command(app,
                          {"run", "Run a job on a loop at rest and print its result; Ctrl-C cancels it",
                           "  evloopctl run batch-0 sleep duration=2s\n"
                           "  evloopctl run batch-0 probe.tcp address=127.0.0.1:8080 timeout=1s"},
                          chosen, [&a](Commands& c) { return c.run(a.name, a.job); });
  run->add_option("loop", a.name)->required();
  run->add_option_function<std::string>(
         "kind", [&a](const std::string& kind) { a.job.set_kind(kind); }, "Which job; status lists the kinds")
      ->required();
  run->add_option_function<std::vector<std::string>>(
      "option",
      [&a](const std::vector<std::string>& pairs) {
        for (const auto& pair : pairs) {
          const auto [key, value] = split_pair("option", pair);
          (*a.job.mutable_options())[key] = value;
        }
      },
      "key=value");
}

// "-" is the standard input. Nothing if it cannot be read.
std::optional<std::string> read_all(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return std::move(text).str();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  if (file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  return file.bad() ? std::nullopt : std::optional(std::move(text).str());
}

void add_apply(CLI::App& app, Arguments& a, Action& chosen) {
  auto* apply = add_command(app,
                            {"apply", "Create workloads, or change them while they run, from a part of a configuration",
                             "  evloopctl apply -f web.yaml\n"
                             "  evloopctl apply -f web.yaml --dry-run\n"
                             "  evloopctl apply -f - < web.json"},
                            chosen, [&a](Commands& c) { return c.apply(a.spec, a.dry_run); });
  apply
      ->add_option_function<std::string>(
          "-f,--file",
          [&a](const std::string& path) {
            auto text = read_all(path);
            if (!text) throw CLI::ValidationError("--file", "cannot read '" + path + "'");
            a.spec = *std::move(text);
          },
          "YAML or JSON: one workload, or a mapping with `workloads`; - is the standard input")
      ->required()
      ->type_name("FILE");
  apply->add_flag("--dry-run", a.dry_run, "Only say whether it is right");
}

void add_upstreams(CLI::App& app, Arguments& a, Action& chosen) {
  auto* upstreams =
      add_command(app,
                  {"upstreams", "Whom a workload sends its clients on to, and how they are",
                   "  evloopctl upstreams web\n"
                   "  evloopctl upstreams web set 10.0.0.5:80=2 10.0.0.6:80"},
                  chosen, [&a](Commands& c) {
                    return a.upstreams.empty() ? c.list_upstreams(a.name) : c.set_upstreams(a.name, a.upstreams);
                  });
  upstreams->add_option("workload", a.name)->required();
  auto* set = upstreams->add_subcommand("set", "Replace the list, while the workload runs");
  set->footer(
      "Examples:\n"
      "  evloopctl upstreams web set 10.0.0.5:80=2 '[::1]:80' unix:/run/app.sock\n"
      "  evloopctl upstreams web set dns:app.internal:80");
  set->add_option_function<std::vector<std::string>>(
         "upstream",
         [&a](const std::vector<std::string>& texts) {
           for (const auto& text : texts) {
             const auto target = parse_upstream(text);
             if (!target)
               throw CLI::ValidationError("upstream",
                                          "must be ADDRESS or dns:NAME, with =WEIGHT if need be, not '" + text + "'");
             a.upstreams.push_back(*target);
           }
         },
         "An address or dns:NAME, and after = its weight if that is not 1")
      ->required();
}

void add_faults(CLI::App& app, Arguments& a, Action& chosen) {
  auto* faults = add_command(
      app,
      {"faults", "What is done to a workload's connections on purpose; for new ones, and for a time",
       "  evloopctl faults web\n"
       "  evloopctl faults web --latency 200ms --jitter 50ms --percent 10 --for 5m\n"
       "  evloopctl faults web --reset-bytes 10KiB --direction to_client --for 1m\n"
       "  evloopctl faults web --off"},
      chosen, [&a](Commands& c) { return a.sets_faults ? c.set_faults(a.name, a.faults) : c.list_faults(a.name); });
  faults->add_option("workload", a.name)->required();
  add_fault_options(*faults, a.faults, a.sets_faults);
}

void add_acting(CLI::App& app, Arguments& a, Action& chosen) {
  add_create(app, a, chosen);
  add_for_loops(app, {"start", "Run loops", "  evloopctl start batch-0 batch-1"}, a, chosen,
                [&a](Commands& c) { return c.start(a.names); });
  add_for_loops(app,
                {"stop", "End the run of loops; they keep what they have, and start again with it",
                 "  evloopctl stop io-0\n"
                 "  evloopctl stop io-0 --timeout 2s"},
                a, chosen, [&a](Commands& c) { return c.stop(a.names); });
  add_command(app,
              {"drain", "Take nothing new, let connections come to their end, then stop a loop, or end a workload",
               "  evloopctl drain io-0                         start undoes it\n"
               "  evloopctl drain io-0 --timeout 10s           what is left by then is cut\n"
               "  evloopctl drain workloads/web --timeout 1h   as rm does it, and says how it goes"},
              chosen, [&a](Commands& c) { return c.drain(a.names, ::isatty(STDOUT_FILENO) != 0, a.timeout); })
      ->add_option("loop", a.names, "A loop's name, or workloads/NAME")
      ->required();
  add_replace(app, a, chosen);
  add_close(app, a, chosen);
  add_for_loops(app,
                {"rm", "Forget closed loops; end workloads, of which connections come to their end",
                 "  evloopctl close batch-0 && evloopctl rm batch-0\n"
                 "  evloopctl rm workloads/web"},
                a, chosen, [&a](Commands& c) { return c.remove(a.names); });
  add_run(app, a, chosen);
  add_apply(app, a, chosen);
  add_upstreams(app, a, chosen);
  add_faults(app, a, chosen);
}

bool wants_color(const Arguments& arguments) {
  return !arguments.no_color && std::getenv("NO_COLOR") == nullptr && ::isatty(STDOUT_FILENO) != 0;
}

int run(int argc, char** argv) {
  CLI::App app(
      "Controls evloopd, the home of event loops.\n"
      "Exit status: 0 ok, 1 other, 2 usage, 3 not found, 4 wrong state, 5 timeout, 6 cannot reach, 7 denied,\n"
      "8 partly done, 9 invalid configuration.",
      "evloopctl");
  app.footer(
      "Examples:\n"
      "  evloopctl ls                          which loops there are, and how they are\n"
      "  evloopctl stop io-0                   a loop's connections go on when it is started again\n"
      "  evloopctl --addr /run/evloopd/observe.sock -o json ls\n"
      "evloopctl COMMAND --help says more, with examples.");
  Arguments arguments;
  Action action;
  std::string shell;
  app.fallthrough();  // global options may also follow the command; before the commands are made, which take it over
  add_global_options(app, arguments);
  add_looking(app, arguments, action);
  add_acting(app, arguments, action);
  add_choice<std::string>(
      *app.add_subcommand("completion", "A script for the shell: source <(evloopctl completion bash)"), "shell",
      {{"bash", "bash"}}, shell)
      ->required();
  app.require_subcommand(0, 1);  // none is reported below: CLI11 would call an unknown command a missing one
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Also `evloopctl bogus --help` is wrong.
    if (error.get_exit_code() == 0 && unknown_command(app).empty()) return app.exit(error);
    std::cerr << usage_error(app, error);
    return static_cast<int>(ExitCode::usage);
  }
  if (!shell.empty()) {
    std::cout << bash_completion;
    return 0;
  }
  if (!action) {
    std::cerr << app.help();
    return static_cast<int>(ExitCode::usage);
  }

  ::setenv("GRPC_VERBOSITY", "NONE", 0);  // what goes wrong is reported here, once
  const bool takes_long = app.got_subcommand("run") || app.got_subcommand("drain");
  const auto otherwise = takes_long ? std::chrono::nanoseconds(patience) : usual_timeout;
  Client client(find_address(arguments.address, Environment::current()), arguments.timeout.value_or(otherwise));
  Commands commands(client, arguments.format, wants_color(arguments), std::cout, std::cerr);
  return static_cast<int>(action(commands));
}

}  // namespace
}  // namespace evloopd::ctl

int main(int argc, char** argv) { return evloopd::ctl::run(argc, argv); }
