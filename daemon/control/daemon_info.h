#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace evloopd::control {

// What GetDaemon tells about the process and the host does not know. Constant while the daemon runs.
struct DaemonInfo {
  std::string name;
  std::string version;
  std::int64_t pid = 0;
  std::chrono::system_clock::time_point start_time;
  std::string config_path;     // empty: none
  std::uint64_t fd_limit = 0;  // soft limit of open descriptors
};

}  // namespace evloopd::control
