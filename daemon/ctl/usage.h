#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <utility>

// How wrong usage is told: what was given, what is allowed, and where more is said.
namespace evloopd::ctl {

// An option that takes one of some words.
template <class Value>
CLI::Option* add_choice(CLI::App& app, const std::string& option, const std::map<std::string, Value>& choices,
                        Value& chosen, const std::string& help = {}) {
  const auto choose = [&chosen, choices, name = option.substr(option.rfind(',') + 1)](const std::string& text) {
    if (const auto found = choices.find(text); found != choices.end()) {
      chosen = found->second;
      return;
    }
    std::string words;
    for (std::size_t left = choices.size(); const auto& [word, value] : choices)
      words += word + (--left == 0 ? "" : left == 1 ? " or " : ", ");
    throw CLI::ValidationError(name, "must be " + words + ", not '" + text + "'");
  };
  return app.add_option_function<std::string>(option, choose, help);
}

// "key=value" of `option`; anything else is a usage error.
[[nodiscard]] std::pair<std::string, std::string> split_pair(const std::string& option, const std::string& text);

// The word in the place of a command that is none; empty if there is no such word.
[[nodiscard]] std::string unknown_command(const CLI::App& app);

// What to print when parsing ended with `error`.
[[nodiscard]] std::string usage_error(const CLI::App& app, const CLI::Error& error);

}  // namespace evloopd::ctl
