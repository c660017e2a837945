#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/log.h"
#include "host/loop_host.h"
#include "settings/kind.h"

namespace evloopd::settings {

struct ShutdownSettings {
  std::chrono::nanoseconds lame_duck{};                       // not ready any more, still serving; 0: none
  std::chrono::nanoseconds drain = std::chrono::seconds(30);  // for what is open to come to its end
};

struct DaemonSettings {
  std::string name = "evloopd";  // tells daemons apart in answers and logs
  ShutdownSettings shutdown;
  bool exec_checks = false;     // checks of upstreams may run programs
  bool exec_workloads = false;  // workloads of the kind exec may
};

struct ControlSocket {
  std::string socket;  // path; absolute once loaded
  mode_t mode = 0600;
  std::string group;  // empty: the process's own
};

struct ControlSettings {
  ControlSocket observe{"observe.sock", 0666, ""};  // who may connect may read
  ControlSocket admin{"admin.sock", 0600, ""};      // who may connect may do everything
};

struct MetricsSettings {
  bool enabled = true;
  std::string address = "127.0.0.1:9464";  // IPv4 or IPv6 with its port, 0: any
};

enum class LogFormat {
  automatic,  // journal below systemd, text on a terminal, else json
  text,
  json,
  journal,
};

struct LogSettings {
  evloop::LogLevel level = evloop::LogLevel::info;
  LogFormat format = LogFormat::automatic;
};

struct WorkloadSettings {
  host::WorkloadOptions options;
  SharedKindOptions kind;
};

// All that a configuration says, complete and checked; a plain value that nobody changes once it is loaded (load.h).
// Every loop that a workload names is there, and no two listeners have one address.
struct Settings {
  DaemonSettings daemon;
  std::vector<host::LoopOptions> loops;                         // 1 to 256, each name once
  std::map<std::string, std::vector<std::string>> loop_groups;  // "io-{index}" to the names made of it
  std::vector<WorkloadSettings> workloads;
  ControlSettings control;
  MetricsSettings metrics;
  LogSettings log;

  // Values that came out of a ${file:...} and must not be shown: path ("workloads[0].body") to what the file says.
  std::map<std::string, std::string> hidden;
};

}  // namespace evloopd::settings
