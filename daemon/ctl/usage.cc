#include "ctl/usage.h"

namespace evloopd::ctl {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string command_names(const CLI::App& app) {
  std::string names;
  for (const auto* command : app.get_subcommands({})) names += (names.empty() ? "" : " ") + command->get_name();
  return names;
}

}  // namespace

std::pair<std::string, std::string> split_pair(const std::string& option, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw CLI::ValidationError(option, "must be key=value, not '" + text + "'");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::string unknown_command(const CLI::App& app) {
  const auto rest = app.remaining();
  return app.get_subcommands().empty() && !rest.empty() && !rest.front().starts_with('-') ? rest.front() : "";
}

std::string usage_error(const CLI::App& app, const CLI::Error& error) {
  const auto chosen = app.get_subcommands();
  const auto command = chosen.empty() ? app.get_name() : app.get_name() + " " + chosen.front()->get_name();
  const auto tell = [&](const std::string& what) {
    return "evloopctl: " + what + "\n  hint: " + command + " --help says what there is\n";
  };
  if (const auto word = unknown_command(app); !word.empty())
    return tell("there is no command '" + word + "'; there are " + command_names(app));
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError))
    return tell(command + " does not take '" + joined(app.remaining(true)) + "'");
  return tell(chosen.empty() ? error.what() : chosen.front()->get_name() + ": " + error.what());
}

}  // namespace evloopd::ctl
