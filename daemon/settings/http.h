#pragma once

#include <string>
#include <vector>

#include "settings/kind.h"
#include "workloads/options.h"

namespace evloopd::settings {

// The keys of an http.respond.
[[nodiscard]] workloads::HttpRespondOptions read_http_respond(Mapping& keys);

// ... and the lines that say them, not indented.
[[nodiscard]] std::vector<std::string> print_http_respond(const workloads::HttpRespondOptions& options,
                                                          const Hidden& hidden);

}  // namespace evloopd::settings
