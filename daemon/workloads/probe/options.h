#pragma once

#include <string>
#include <vector>

#include "workloads/checks/options.h"

// What a probe takes. Plain values; settings/ fills them.
namespace evloopd::workloads {

struct ProbeTargetOptions {
  std::string name;
  // "10.0.0.5:443", "www.example.org:443", "unix:/run/x.sock"; for a check of the kind dns: which server to ask
  // ("10.0.0.2:53"; empty: those of `name_servers`).
  std::string address{};
  CheckOptions check{};
  std::vector<std::string> name_servers{};  // that look up the address, "10.0.0.2:53"; empty: the system's

  friend bool operator==(const ProbeTargetOptions&, const ProbeTargetOptions&) = default;
};

// Asks others again and again whether they serve, and tells.
struct ProbeOptions {
  std::vector<ProbeTargetOptions> targets{};  // each name once
};

}  // namespace evloopd::workloads
