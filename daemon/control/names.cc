#include "control/names.h"

namespace evloopd::control {

host::HostResult<std::string> parse_loop(std::string_view resource, const char* field) {
  constexpr std::string_view prefix = "loops/";
  const auto loop = resource.starts_with(prefix) ? resource.substr(prefix.size()) : std::string_view{};
  if (loop.empty() || loop.contains('/'))
    return std::unexpected(host::bad_argument(field, "loops/{loop}", std::string(resource)));
  return std::string(loop);
}

}  // namespace evloopd::control
