#include "ctl/address.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace evloopd::ctl {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string to_target(std::string_view given) {
  const bool is_path = given.starts_with('/') || given.starts_with('.');
  return (is_path ? "unix:" : "") + std::string(given);
}

bool may_connect(const std::string& socket) { return ::access(socket.c_str(), W_OK) == 0; }

// In /tmp anybody may have made that folder, and put a socket of his own into it.
bool is_trusted(const std::string& folder, uid_t uid) {
  struct stat status{};
  return ::lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         (status.st_uid == uid || status.st_uid == 0);
}

}  // namespace

Environment Environment::current() {
  return {.address = variable("EVLOOPD_ADDR"),
          .runtime_directory = variable("RUNTIME_DIRECTORY"),
          .xdg_runtime_dir = variable("XDG_RUNTIME_DIR"),
          .uid = ::geteuid()};
}

std::string runtime_directory(const Environment& environment) {
  // systemd joins several directories with colons; the first is the unit's own.
  if (!environment.runtime_directory.empty())
    return environment.runtime_directory.substr(0, environment.runtime_directory.find(':'));
  if (environment.uid == 0) return "/run/evloopd";
  if (!environment.xdg_runtime_dir.empty()) return environment.xdg_runtime_dir + "/evloopd";
  return "/tmp/evloopd-" + std::to_string(environment.uid);
}

std::string find_address(std::string_view given, const Environment& environment) {
  if (!given.empty()) return to_target(given);
  if (!environment.address.empty()) return to_target(environment.address);
  const auto own = runtime_directory(environment);
  // Beside a user's own daemon there may be the system's.
  for (const auto& folder : {own, std::string("/run/evloopd")})
    if (is_trusted(folder, environment.uid))
      for (const auto* name : {"/admin.sock", "/observe.sock"})
        if (may_connect(folder + name)) return "unix:" + folder + name;
  return "unix:" + own + "/admin.sock";
}

std::string socket_path(std::string_view target) {
  constexpr std::string_view prefix = "unix:";
  if (!target.starts_with(prefix)) return {};
  target.remove_prefix(prefix.size());
  if (target.starts_with("//")) target.remove_prefix(2);  // "unix:///run/x.sock"
  return std::string(target);
}

}  // namespace evloopd::ctl
