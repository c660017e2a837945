#include "app/run.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "app/daemon.h"
#include "app/log.h"
#include "app/process_signals.h"
#include "app/schema.h"
#include "settings/load.h"
#include "settings/print.h"

namespace evloopd::app {
namespace {

// As sysexits.h has them.
enum ExitCode { ok = 0, usage = 64, internal = 70, bad_configuration = 78 };

constexpr const char* usual_config = "/etc/evloopd/evloopd.yaml";

std::string default_config() {
  const char* named = std::getenv("EVLOOPD_CONFIG");
  return named && *named ? named : usual_config;
}

struct Arguments {
  std::string config = default_config();
  bool check = false;
  bool print = false;
  bool print_schema = false;
};

int serve(const Arguments& arguments, const settings::Kinds& kinds) {
  if (arguments.print_schema) {
    std::cout << configuration_schema(kinds);
    return ok;
  }
  auto settings = settings::load_file(arguments.config, settings::Environment::current(), kinds);
  if (!settings) {
    for (const auto& problem : settings.error()) std::cerr << to_string(problem) << '\n';
    std::cerr << "evloopd: " << arguments.config << ": " << settings.error().size()
              << (settings.error().size() == 1 ? " problem" : " problems") << '\n';
    return bad_configuration;
  }
  if (arguments.print) std::cout << print_config(*settings);
  if (arguments.check) std::cerr << "evloopd: " << arguments.config << ": no problems\n";
  if (arguments.print || arguments.check) return ok;

  open_log(settings->log);
  ProcessSignals signals;  // before any thread
  Daemon daemon(std::move(*settings), arguments.config, kinds);
  const int status = daemon.run(signals);
  // Threads that are stuck in a callback must not meet the end of static objects.
  if (!daemon.at_rest()) ::_exit(status);
  return status;
}

std::string what_is_wrong(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::ExtrasError)) return error.what();
  std::string words;
  for (const auto& word : app.remaining()) words += (words.empty() ? "" : " ") + word;
  return "it does not take '" + words + "'";
}

}  // namespace

int run(int argc, char** argv, const settings::Kinds& kinds) {
  Arguments arguments;
  CLI::App app("Hosts event loops: runs what a configuration says, until SIGTERM or SIGINT.");
  app.set_version_flag("--version", "evloopd " EVLOOPD_VERSION);
  app.add_option("-c,--config", arguments.config,
                 "Configuration file. Else $EVLOOPD_CONFIG, else " + std::string(usual_config))
      ->type_name("FILE");
  app.add_flag("--check-config", arguments.check, "Say all that is wrong with the configuration, and end");
  app.add_flag("--print-config", arguments.print, "Print all that is in force, defaults too, and end");
  app.add_flag("--print-schema", arguments.print_schema, "Print a JSON schema of the configuration, and end");
  app.footer(
      "Exit status: 0 ok, 64 wrong usage, 70 failed, 78 wrong configuration.\n"
      "A first SIGTERM or SIGINT drains and stops; a second one does not wait for what is open.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::cerr << "evloopd: " << what_is_wrong(app, error) << "\n  hint: evloopd --help says what there is\n";
    return usage;
  }
  try {
    return serve(arguments, kinds);
  } catch (const std::exception& error) {
    log_error("failed", {{"why", error.what()}});
    return internal;
  }
}

}  // namespace evloopd::app
