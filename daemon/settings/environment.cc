#include "settings/environment.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <thread>

namespace evloopd::settings {
namespace {

std::optional<std::string> process_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT: nothing of ours calls setenv
  if (value == nullptr) return std::nullopt;
  return value;
}

int affinity() {
  // The kernel refuses a set that is smaller than its own; few machines need more than the first size.
  for (int most = 1024; most <= 65536; most *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(static_cast<std::size_t>(most)),
                                                               [](cpu_set_t* s) { CPU_FREE(s); });
    const auto size = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
    if (::sched_getaffinity(0, size, set.get()) == 0) return CPU_COUNT_S(size, set.get());
  }
  return static_cast<int>(std::thread::hardware_concurrency());
}

// This process's cgroup of version 2, "/system.slice/evloopd.service".
std::optional<std::string> own_cgroup(const std::filesystem::path& root) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::/")) return line.substr(3);
  return std::nullopt;
}

// "200000 100000" is two CPUs; "max 100000" is no limit.
std::optional<int> read_cpu_max(const std::filesystem::path& path) {
  std::ifstream file(path);
  long long quota = 0, period = 0;
  if (!(file >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return static_cast<int>(std::clamp((quota + period - 1) / period, 1LL, 1'000'000LL));
}

}  // namespace

Environment Environment::current() {
  return {.variable = process_variable,
          .runtime_directory = settings::runtime_directory(process_variable, ::geteuid()),
          .cpus = available_cpus()};
}

std::string runtime_directory(const std::function<std::optional<std::string>(const std::string& name)>& variable,
                              unsigned uid) {
  if (const auto given = variable("RUNTIME_DIRECTORY"); given && !given->empty())
    return given->substr(0, given->find(':'));
  if (uid == 0) return "/run/evloopd";
  if (const auto user = variable("XDG_RUNTIME_DIR"); user && !user->empty()) return *user + "/evloopd";
  return "/tmp/evloopd-" + std::to_string(uid);
}

int available_cpus() { return std::max(1, std::min(affinity(), cgroup_cpu_limit("/").value_or(affinity()))); }

std::optional<int> cgroup_cpu_limit(const std::filesystem::path& root) {
  const auto own = own_cgroup(root);
  if (!own) return std::nullopt;
  std::optional<int> least;
  // In a container the file names the group as the host sees it while /sys/fs/cgroup already is that group; what is
  // not there limits nothing.
  for (auto group = std::filesystem::path(*own);; group = group.parent_path()) {
    if (const auto limit = read_cpu_max(root / "sys/fs/cgroup" / group.relative_path() / "cpu.max"))
      least = std::min(*limit, least.value_or(*limit));
    if (!group.has_relative_path()) return least;
  }
}

}  // namespace evloopd::settings
