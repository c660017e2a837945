#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace evloopd::workloads {

// How names are looked up.
struct DnsOptions {
  std::vector<std::string> servers{};                          // "127.0.0.1:53"; empty: the system's
  std::chrono::nanoseconds least = std::chrono::seconds(1);    // an answer is good for its TTL, but no shorter
  std::chrono::nanoseconds most = std::chrono::minutes(5);     // and no longer than this
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);  // for one look-up, all tries together

  friend bool operator==(const DnsOptions&, const DnsOptions&) = default;
};

}  // namespace evloopd::workloads
