#include "control/names.h"

namespace evloopd::control {
namespace {

// The last part of `pattern`, such as "loops/{loop}".
host::HostResult<std::string> parse(std::string_view resource, std::string_view pattern, const char* field) {
  const auto prefix = pattern.substr(0, pattern.find('{'));
  const auto name = resource.starts_with(prefix) ? resource.substr(prefix.size()) : std::string_view{};
  if (name.empty() || name.contains('/'))
    return std::unexpected(host::bad_argument(field, std::string(pattern), std::string(resource)));
  return std::string(name);
}

}  // namespace

host::HostResult<std::string> parse_loop(std::string_view resource, const char* field) {
  return parse(resource, "loops/{loop}", field);
}

host::HostResult<std::string> parse_workload(std::string_view resource, const char* field) {
  return parse(resource, "workloads/{workload}", field);
}

}  // namespace evloopd::control
