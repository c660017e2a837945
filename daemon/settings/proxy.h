#pragma once

#include <string>
#include <vector>

#include "settings/value.h"
#include "workloads/proxy/options.h"

namespace evloopd::settings {

// The keys of a tcp.proxy that are about its clients' connections.
[[nodiscard]] workloads::ConnectionOptions read_connection(Mapping& keys);

// ... and the lines that say them, not indented.
[[nodiscard]] std::vector<std::string> print_connection(const workloads::ConnectionOptions& options);

}  // namespace evloopd::settings
