#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace evloopd::settings {

// What a configuration takes from outside its file. A value; tests and the fuzzer make up their own.
struct Environment {
  // The value of an environment variable, for `${NAME}`.
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::string runtime_directory;  // absolute; relative socket names are taken from here
  int cpus = 1;                   // what `count: auto` means

  // This process's own.
  [[nodiscard]] static Environment current();
};

// The first directory of $RUNTIME_DIRECTORY (systemd sets it); else /run/evloopd for root; else evloopd below
// $XDG_RUNTIME_DIR; else /tmp/evloopd-<uid>. evloopctl looks there by the same rule.
[[nodiscard]] std::string runtime_directory(
    const std::function<std::optional<std::string>(const std::string& name)>& variable, unsigned uid);

// CPUs that this process may use: its affinity, and no more than its cgroup grants. At least 1.
[[nodiscard]] int available_cpus();

// The least whole number of CPUs that covers `cpu.max` of this process's cgroup (version 2) and of those above it;
// nothing if none limits it. `root` is where /proc and /sys are looked for.
[[nodiscard]] std::optional<int> cgroup_cpu_limit(const std::filesystem::path& root);

}  // namespace evloopd::settings
