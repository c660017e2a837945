#include "control/names.h"

namespace evloopd::control {

host::HostResult<std::string> parse_loop(std::string_view resource, const char* field) {
  constexpr std::string_view prefix = "loops/";
  const auto loop = resource.starts_with(prefix) ? resource.substr(prefix.size()) : std::string_view{};
  if (loop.empty() || loop.contains('/'))
    return std::unexpected(bad_argument(field, "loops/{loop}", std::string(resource)));
  return std::string(loop);
}

host::HostError bad_argument(const std::string& field, const std::string& allowed, const std::string& given) {
  return {.reason = host::Reason::bad_argument,
          .message = field + " must be " + allowed + ", not '" + given + "'",
          .metadata = {{"field", field}, {"allowed", allowed}, {"given", given}}};
}

}  // namespace evloopd::control
