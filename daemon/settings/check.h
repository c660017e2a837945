#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "settings/kind.h"
#include "settings/value.h"
#include "workloads/checks/options.h"

// Checks of others, as upstreams and probes have them.
namespace evloopd::settings {

// What is special about them where they stand.
struct CheckRules {
  std::vector<workloads::CheckKind> kinds;  // that are allowed
  std::string_view down_interval;           // what the key is called
  bool other_port = false;                  // than that of the address may be checked
  workloads::CheckOptions defaults{};
  // What the interval while it is down is by default: the other one, and this at most.
  std::chrono::nanoseconds longest_down = std::chrono::hours(1);
};

// Reads a mapping. `may_exec`: checks may run programs.
[[nodiscard]] workloads::CheckOptions read_check(const Value& value, const CheckRules& rules, bool may_exec);

// The same keys, a line each, not indented; of no check those of all kinds, so that every key is to be seen. `path`: of
// the mapping, for what is hidden in it.
[[nodiscard]] std::vector<std::string> print_check(const workloads::CheckOptions& check, const CheckRules& rules,
                                                   const Hidden& hidden, const std::string& path);

// Addresses of name servers.
[[nodiscard]] std::vector<std::string> read_name_servers(const Value& value);

// Texts in one line.
[[nodiscard]] std::string list_of(const std::vector<std::string>& texts);

}  // namespace evloopd::settings
